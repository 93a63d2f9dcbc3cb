#pragma once
// What differs between LibTorch 1.13 and 2.x; the only file that looks at TORCH_VERSION.

#include <torch/torch.h>
#include <torch/version.h>

namespace kitsink {

// Full float32 on CUDA: TensorFloat-32 moves class maps and poses.
inline void DisableTf32() {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 9)
  at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::ALL, at::Float32Precision::IEEE);
#else
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
#endif
}

}  // namespace kitsink
