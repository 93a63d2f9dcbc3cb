#pragma once
// How far SegNet's reading is from the wanted classes.

#include <torch/torch.h>

#include <tuple>

namespace kitsink {

// Target logit less the largest other logit, [N, H, W], of logits [N, classes, H, W] and target ids [N, H, W], int64.
inline torch::Tensor Margins(const torch::Tensor& logits, const torch::Tensor& target) {
  const torch::Tensor index = target.unsqueeze(1);
  return logits.gather(1, index).squeeze(1) - std::get<0>(logits.scatter(1, index, -1e9).max(1));
}

}  // namespace kitsink
