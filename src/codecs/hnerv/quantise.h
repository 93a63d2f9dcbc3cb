#pragma once
// The decoder's real values and latents <-> what an archive stores, and the same inside training. The functions throw
// what LibTorch throws: call them inside Guarded.

#include <torch/torch.h>

#include <span>
#include <vector>

#include "codecs/hnerv/scene.h"

namespace kitsink::hnerv {

// max|value| / 127 as a scalar, or 1 for a tensor of zeros.
torch::Tensor LargestStep(const torch::Tensor& value);
// A scalar from which the learning of a tensor's step begins: a sixth of the mean magnitude, about 5 bits a value, but
// at least LargestStep.
torch::Tensor FirstStep(const torch::Tensor& value);

// step * round(value / step), codes clamped to -127 .. 127. Straight through to the value within the range; the step's
// gradient is that of learned step sizes (Esser et al., arXiv 1902.08153). `step` is a positive scalar.
torch::Tensor Quantised(const torch::Tensor& value, const torch::Tensor& step);
// The stored tensor. With `half` the step is first rounded to the nearest positive half.
Int8Tensor StoreTensor(const torch::Tensor& value, double step, bool half);

// 8-bit codes of latents [pairs, dims] on the grid of each dimension that begins at its minimum and ends at its
// maximum, both as halves. Without corrections. REQUIRES: finite values.
Latents StoreLatents(const torch::Tensor& latents);

}  // namespace kitsink::hnerv
