#pragma once
// Quantisation inside training: the forward pass sees the values that stream w will hold, gradients pass through.

#include <torch/torch.h>

#include "kitsink/weights.h"

namespace kitsink {

// The value that QuantizeTensor followed by DequantizeTensor gives, bit for bit, with gradient 1.
torch::Tensor FakeQuantize(const TensorSpec& spec, const torch::Tensor& value);

}  // namespace kitsink
