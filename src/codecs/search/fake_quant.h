#pragma once
// Quantisation inside training: the forward pass sees the values that stream w will hold, gradients pass through.

#include <torch/torch.h>

#include "kitsink/weights.h"

namespace kitsink::search {

// The value that QuantizeTensor followed by DequantizeTensor gives, by calling them, with gradient 1. Throws c10::Error
// for values that the format cannot hold.
torch::Tensor FakeQuantize(const TensorSpec& spec, const torch::Tensor& value);

}  // namespace kitsink::search
