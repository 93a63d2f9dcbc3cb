#pragma once
// Layers on tensors whose channels lie together in memory (channels last), with gradients that lie so too. LibTorch's
// own layers copy to planes and back: 1 x 1 convolutions on one thread, and the gradient of the group norm always.

#include <torch/torch.h>

#include <cstdint>

namespace kitsink::search {

// torch::conv2d with a 1 x 1 weight [outputs, inputs, 1, 1], of x [N, inputs, H, W].
torch::Tensor PointwiseConv(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

// torch::group_norm of x [N, C, H, W].
torch::Tensor GroupNorm(const torch::Tensor& x, int64_t groups, const torch::Tensor& weight, const torch::Tensor& bias,
                        double epsilon);

}  // namespace kitsink::search
