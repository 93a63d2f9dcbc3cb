#pragma once
// Image and convolution kernels in float32 that give the same bits with every compiler, processor and thread count:
// a fixed order of operations, explicit fused multiply-adds, and no function of libm that is not exactly rounded.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/frame.h"

namespace kitsink {

// True when the scorer's resize gives every model pixel four camera pixels that no other model pixel reads: both
// scales are at least 2 (the contest's are 2.276 and 2.273). Only then does an arbitrary picture have a pre-image.
bool HasPrivateTaps(FrameSize size);

// A frame whose resize to kModelGrid is `picture` up to a mean error of about 0.03 grey levels. `picture` is planar
// RGB, 3 x 384 x 512 floats, clamped to 0 .. 255. The four taps of a model pixel are floor(value) plus the best of
// {-1, 0, 1}^4. Camera pixels that the resize does not read copy their nearest neighbour that it reads.
// REQUIRES: HasPrivateTaps(size).
Frame WritePreimage(std::span<const float> picture, FrameSize size);

// The three planes, one after the other, of an interleaved picture.
std::vector<float> PlanesOf(std::span<const float> rgb);

inline constexpr size_t kLaneFloats = 8;        // channels come in multiples of it
inline constexpr size_t kMaxRowChannels = 128;  // of a feature map
inline constexpr size_t kRowMargin = 4;         // least margin of a row that a convolution reads, in pixels
inline constexpr size_t kMaxResizeTaps = 4;     // of one axis

// A depthwise 3 x 3 convolution, then a 1 x 1 convolution. `channels` is a multiple of 8 up to kMaxRowChannels.
struct SeparableConv {
  uint32_t channels = 0;
  uint32_t dilation = 1;              // of the depthwise one
  std::vector<float> depthwise;       // [3][3][channels]
  std::vector<float> depthwise_bias;  // [channels]
  std::vector<float> pointwise;       // [channels in][channels out]
  std::vector<float> pointwise_bias;  // [channels]
};

// A 3 x 3 convolution to red, green and blue.
struct ColourConv {
  uint32_t channels = 0;
  std::vector<float> weights;  // [3][3][3 colours][channels]
  float bias[3] = {};
};

// The source of one row or column of a resized picture: `count` source indices and weights for each target index.
struct AxisTaps {
  size_t count = 0;  // 2 or 4
  std::vector<uint32_t> indices;
  std::vector<float> weights;
};

// What a candidate for the four taps of a pixel adds to its left and its right taps, weighted by rows, and which of the
// pixel's penalties counts for it.
struct TapCandidate {
  float left = 0, right = 0;
  uint32_t penalty = 0;
};
struct TapRow {
  const float* left;  // weights of the columns
  const float* right;
  const float* rest;  // wanted sum
  std::array<const float*, 4> penalties;
};

// What is added to red, green and blue before a picture is rounded, in grey levels.
using RgbOffsets = std::array<float, 3>;

// Kernels that work on one row. A row of a feature map holds pixels * channels floats, the channels of a pixel side by
// side. Products and sums are fused unless said otherwise, and ascend in the order of the indices. A NaN becomes 0
// where a value is clamped.
struct RowKernels {
  // out = table[ids[x]] + at[x] * slope + square[x] * curve, with `table` [classes][channels].
  void (*embed)(const uint8_t* ids, size_t pixels, size_t channels, const float* table, const float* at,
                const float* square, const float* slope, const float* curve, float* out);
  // out = x + GELU(r * scale + shift), with a scale and a shift per channel. `out` may be `x`.
  void (*add_gelu)(const float* x, const float* r, const float* scale, const float* shift, size_t pixels,
                   size_t channels, float* out);
  // GELU of the above.
  void (*gelu_of_add_gelu)(const float* x, const float* r, const float* scale, const float* shift, size_t pixels,
                           size_t channels, float* out);
  // rows[i] is row y + (i - 1) * dilation of the input, with a margin of max(dilation, kRowMargin) pixels at both ends
  // that the kernel reads. `out` has room for pixels rounded up to a multiple of 4. sums[g] becomes the sum, and
  // sums[channels / 8 + g] the sum of squares, of the 8 channels of group g over the row.
  void (*separable)(const SeparableConv& conv, const float* const* rows, size_t pixels, float* out, double* sums);
  // 255 * sigmoid(conv), 3 * pixels floats. rows[i] is row y + i - 1 with margins as above.
  void (*colour)(const ColourConv& conv, const float* const* rows, size_t pixels, float* out);
  // For each pixel the index of the first candidate with the least |left * row.left + right * row.right - row.rest| +
  // penalty, products and sums rounded one by one. `pixels` is a multiple of 8.
  void (*choose)(std::span<const TapCandidate> candidates, const TapRow& row, size_t pixels, float* indices);
  // A row of RGB pixels resized to taps.indices.size() / taps.count pixels.
  void (*resize)(const float* rgb, const AxisTaps& taps, float* out);
  // Weighted sum of `count` rows of RGB pixels plus `offsets`, clamped to 0 .. 255 and rounded to nearest, ties to
  // even. The rows have room for a multiple of 8.
  void (*blend)(const float* const* rows, const float* weights, size_t count, const RgbOffsets& offsets, size_t values,
                uint8_t* out);
};

// Both give the same bits. Null where the build or the processor has no AVX2 and FMA.
const RowKernels& ScalarRowKernels();
const RowKernels* Avx2RowKernels();
// The fastest of them.
const RowKernels& FastRowKernels();

// The resizes of PyTorch with align_corners false and without antialias; cubic with A = -0.75.
enum class Interpolation { kBilinear, kBicubic };

// Resizes RGB pictures to bytes.
class Resizer {
 public:
  // REQUIRES: no side is 0.
  Resizer(FrameSize source, FrameSize target, Interpolation interpolation, const RowKernels& kernels);
  FrameSize source() const { return source_; }
  FrameSize target() const { return target_; }
  const AxisTaps& columns() const { return columns_; }
  const AxisTaps& rows() const { return rows_; }
  // `picture` is interleaved. `offsets` are added before values are clamped to 0 .. 255 and rounded to nearest, ties to
  // even. The bytes do not depend on `threads`. Thread-safe. REQUIRES: `picture` has the source's size.
  Frame Resize(std::span<const float> picture, const RgbOffsets& offsets, int threads) const;

 private:
  void ResizeRows(const float* picture, const RgbOffsets& offsets, size_t begin, size_t end, uint8_t* frame) const;

  FrameSize source_, target_;
  AxisTaps columns_, rows_;
  const RowKernels* kernels_;
};

}  // namespace kitsink
