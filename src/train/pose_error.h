#pragma once
// The pose error that the fit and the search lower.

#include <torch/torch.h>

namespace kitsink {

// [N] from pose outputs and poses, both [N, 6]: the mean squared error of each pair, bent so that from 1e-3 on it grows
// like its square root, as the score does. The mean squared error itself lost: while the pose is far off its gradients
// drown SegNet's, and Adam's denominator remembers them for long.
inline torch::Tensor BentPoseError(const torch::Tensor& outputs, const torch::Tensor& poses) {
  constexpr double kKnee = 1e-3;
  const torch::Tensor error = (outputs - poses).square().mean(1);
  return 2 * kKnee * ((1 + error / kKnee).sqrt() - 1);
}

}  // namespace kitsink
