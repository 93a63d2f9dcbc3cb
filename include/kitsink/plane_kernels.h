#pragma once
// Convolution kernels for feature maps of any number of channels, in float32, with the same bits as kernels.h promises.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kitsink {

// Rows of planes: the pixels of a channel side by side. Between two planes, before the first and behind the last lie
// kPlaneMargin zeros, which convolutions read as pixels beyond the picture. Kernels write pixels alone, so memory that
// is zeroed once keeps its margins. A pointer to such a row points at the first pixel of its first plane.
inline constexpr size_t kPlaneMargin = 16;
inline constexpr size_t kMaxPlanePixels = 512;
inline constexpr size_t PlanePitch(size_t pixels) { return pixels + kPlaneMargin; }
// The row with its first margin.
inline constexpr size_t PlaneRowFloats(size_t channels, size_t pixels) {
  return kPlaneMargin + channels * PlanePitch(pixels);
}

// A convolution of 3 x 3 or 1 x 1 taps.
struct PlaneConv {
  uint32_t inputs = 0, outputs = 0;
  uint32_t taps = 3;           // of one axis: 3 or 1
  uint32_t dilation = 1;       // up to kPlaneMargin
  std::vector<float> weights;  // [outputs][inputs][taps][taps]
  std::vector<float> bias;     // [outputs]
};

// Kernels that work on rows of planes. `pixels` is a multiple of 8 up to kMaxPlanePixels. Products and sums are fused;
// a sum begins with the bias and ascends in the order of its weights. A sine is within 2.2 units in the last place for
// arguments up to 1,000, and in -1.1 .. 1.1 for all; that of a NaN is some number.
struct PlaneKernels {
  // rows[i] is row y + (i - taps / 2) * dilation of the input. `out` is a row of conv.outputs planes.
  void (*convolve)(const PlaneConv& conv, const float* const* rows, size_t pixels, float* out);
  // Rows 2 y and 2 y + 1 of 2 * pixels: output 4 c + 2 i + j is channel c of row i at the pixels of parity j. REQUIRES:
  // a multiple of 4 outputs.
  void (*convolve_shuffled)(const PlaneConv& conv, const float* const* rows, size_t pixels, float* const* out);
  // row = sin(row + s), with s = 0.75 * near + 0.25 * far, enlarged bilinearly to the 2 * pixels of `row`.
  void (*add_enlarged_sine)(const float* near, const float* far, size_t pixels, size_t channels, float* row);
  // out = x + gain * sin(r) on a multiple of 8 floats.
  void (*add_sine)(const float* x, const float* r, float gain, size_t count, float* out);
  // 255 * sigmoid of three planes, as 3 * pixels interleaved floats.
  void (*colour)(const float* planes, size_t pixels, float* out);
};

// All give the same bits. Null where the build or the processor lacks the instructions: AVX2 and FMA, and AVX-512F.
const PlaneKernels& ScalarPlaneKernels();
const PlaneKernels* Avx2PlaneKernels();
const PlaneKernels* Avx512PlaneKernels();
// The fastest of them.
const PlaneKernels& FastPlaneKernels();

}  // namespace kitsink
