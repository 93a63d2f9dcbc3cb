#pragma once
// Quantisation inside training.

#include <torch/torch.h>

#include <span>
#include <string>
#include <vector>

#include "kitsink/result.h"

namespace kitsink {

// `quantised` in the forward pass, with the gradient going to `value` unchanged. Both have the same shape and device.
// Straight-through estimator: Bengio, Leonard and Courville, arXiv 1308.3432.
inline torch::Tensor StraightThrough(const torch::Tensor& value, const torch::Tensor& quantised) {
  return value + (quantised - value).detach();
}

// `value` as `quantise` gives it, a function from a span of floats to Result<std::vector<float>> of as many; the
// gradient passes to `value` unchanged. A format's own code quantises on the CPU, so that the values cannot differ from
// the stored ones. It costs about a millisecond for the few ten thousand values of a generator. Throws c10::Error for
// what `quantise` refuses.
template <typename Quantise>
torch::Tensor FakeQuantize(const torch::Tensor& value, const Quantise& quantise) {
  const torch::Tensor flat = value.detach().to(torch::kCPU).contiguous();
  const Result<std::vector<float>> quantised =
      quantise(std::span<const float>(flat.data_ptr<float>(), static_cast<size_t>(flat.numel())));
  TORCH_CHECK(quantised.ok(), quantised.ok() ? std::string() : quantised.error().message);
  return StraightThrough(value, torch::tensor(quantised.value()).view(value.sizes()).to(value.device()));
}

}  // namespace kitsink
