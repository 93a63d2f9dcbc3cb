#pragma once
// How far off a pose is, as the search and the fit lower it.

#include <torch/torch.h>

namespace kitsink::search {

// [N] from pose outputs [N, 6]: each pair's mean squared error, bent so that from 1e-3 on it grows like its root, as
// the score does. The square alone drowns SegNet while the pose is far off, and for long after: Adam's denominator
// remembers the large gradients.
inline torch::Tensor BentPoseError(const torch::Tensor& outputs, const torch::Tensor& poses) {
  constexpr double kKnee = 1e-3;
  const torch::Tensor error = (outputs - poses).square().mean(1);
  return 2 * kKnee * ((1 + error / kKnee).sqrt() - 1);
}

}  // namespace kitsink::search
