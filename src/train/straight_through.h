#pragma once
// Quantisation inside training.

#include <torch/torch.h>

namespace kitsink {

// `quantised` in the forward pass, with the gradient going to `value` unchanged. Both have the same shape and device.
// Straight-through estimator: Bengio, Leonard and Courville, arXiv 1308.3432.
inline torch::Tensor StraightThrough(const torch::Tensor& value, const torch::Tensor& quantised) {
  return value + (quantised - value).detach();
}

}  // namespace kitsink
