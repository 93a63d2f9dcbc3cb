#pragma once
// Quantisation of generator weights in training: the forward pass uses the values that stream w will hold.

#include <torch/torch.h>

#include "kitsink/weights.h"

namespace kitsink::search {

// `value` after QuantizeTensor and DequantizeTensor; the gradient passes to `value` unchanged. Throws c10::Error for
// values that the format cannot hold.
torch::Tensor FakeQuantize(const TensorSpec& spec, const torch::Tensor& value);

}  // namespace kitsink::search
