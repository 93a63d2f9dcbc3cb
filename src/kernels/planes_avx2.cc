// The plane kernels in AVX2 and FMA, where the build and the processor have them.

#include "kitsink/plane_kernels.h"

// KITSINK_SCALAR omits the vector kernels, as in src/mask/mixing.cc.
#if defined(__x86_64__) && !defined(KITSINK_SCALAR)

#include "kernels/lanes_avx2.h"

namespace kitsink {
using namespace lanes_avx2;
}

#include "kernels/plane_kernels-inl.h"

namespace kitsink {

const PlaneKernels* Avx2PlaneKernels() {
  static const bool available = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return available ? &kPlaneKernels : nullptr;
}

}  // namespace kitsink

#else

namespace kitsink {

const PlaneKernels* Avx2PlaneKernels() { return nullptr; }

}  // namespace kitsink

#endif
