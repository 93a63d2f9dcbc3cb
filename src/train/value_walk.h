#pragma once
// The values of a network's tensors, one after another.

#include <torch/torch.h>

#include <cstddef>
#include <span>

namespace kitsink {

// Gives the values in definition order, which is also the order of use in the forward pass. A tensor used out of order
// has the wrong shape and throws.
class ValueWalk {
 public:
  // `network` names the owner of the tensors in messages.
  ValueWalk(std::span<const torch::Tensor> values, const char* network) : values_(values), network_(network) {}
  const torch::Tensor& Next() {
    TORCH_CHECK(next_ < values_.size(), "the ", network_, " needs more tensors than the ", values_.size(), " given");
    return values_[next_++];
  }
  bool done() const { return next_ == values_.size(); }

 private:
  std::span<const torch::Tensor> values_;
  const char* network_;
  size_t next_ = 0;
};

}  // namespace kitsink
