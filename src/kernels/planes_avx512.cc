// The plane kernels in AVX-512, where the build and the processor have it. Rows that do not fill sixteen lanes go to
// their AVX2 twins.

#include "kitsink/plane_kernels.h"

// KITSINK_SCALAR omits the vector kernels, as in src/mask/mixing.cc.
#if defined(__x86_64__) && !defined(KITSINK_SCALAR)

#include "kernels/lanes_avx512.h"

namespace kitsink {
using namespace lanes_avx512;
}

#include "kernels/plane_kernels-inl.h"

namespace kitsink {
namespace {

bool Fills(size_t floats) { return floats % kLanes == 0; }

void WideConvolve(const PlaneConv& conv, const float* const* rows, size_t pixels, float* out) {
  (Fills(pixels) ? Convolve : Avx2PlaneKernels()->convolve)(conv, rows, pixels, out);
}
void WideConvolveShuffled(const PlaneConv& conv, const float* const* rows, size_t pixels, float* const* out) {
  (Fills(pixels) ? ConvolveShuffled : Avx2PlaneKernels()->convolve_shuffled)(conv, rows, pixels, out);
}
void WideAddEnlargedSine(const float* near, const float* far, size_t pixels, size_t channels, float* row) {
  (Fills(pixels) ? AddEnlargedSine : Avx2PlaneKernels()->add_enlarged_sine)(near, far, pixels, channels, row);
}
void WideAddSine(const float* x, const float* r, float gain, size_t count, float* out) {
  (Fills(count) ? AddSine : Avx2PlaneKernels()->add_sine)(x, r, gain, count, out);
}
void WideColourPlanes(const float* planes, size_t pixels, float* out) {
  (Fills(pixels) ? ColourPlanes : Avx2PlaneKernels()->colour)(planes, pixels, out);
}

}  // namespace

const PlaneKernels* Avx512PlaneKernels() {
  static constexpr PlaneKernels kWide = {WideConvolve, WideConvolveShuffled, WideAddEnlargedSine, WideAddSine,
                                         WideColourPlanes};
  static const bool available = Avx2PlaneKernels() != nullptr && __builtin_cpu_supports("avx512f");
  return available ? &kWide : nullptr;
}

}  // namespace kitsink

#else

namespace kitsink {

const PlaneKernels* Avx512PlaneKernels() { return nullptr; }

}  // namespace kitsink

#endif

namespace kitsink {

const PlaneKernels& FastPlaneKernels() {
  if (Avx512PlaneKernels() != nullptr) return *Avx512PlaneKernels();
  return Avx2PlaneKernels() == nullptr ? ScalarPlaneKernels() : *Avx2PlaneKernels();
}

}  // namespace kitsink
