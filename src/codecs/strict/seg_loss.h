#pragma once
// The loss that trains the renderer, in three phases.

#include <torch/torch.h>

#include "codecs/strict/train_renderer.h"
#include "kitsink/frame.h"

namespace kitsink::strict {

// SegNet's loss on logits [N, classes, H, W] with target ids [N, H, W], at the share `u` of the training. With the
// margin m = target logit - largest other logit:
//   cross-entropy of logits / T, with T falling from 1 to 0.08;
//   then the hinge, the mean of tau * softplus(-m / tau) with tau = 0.2;
//   then expected flips, the mean of sigmoid(-m / tau) with tau falling from 0.15 to 0.05.
torch::Tensor SegLoss(const RendererTraining& training, const torch::Tensor& logits, const torch::Tensor& target,
                      double u);

// A picture [N, 3, H, W] as SegNet reads it: itself where f1 is written as its pre-image, which realises it to 0.03
// grey levels; else after enlargement, rounding and the nets' resize. Differentiable.
torch::Tensor ReadPicture(const torch::Tensor& picture, bool preimage, FrameSize frame_size);

}  // namespace kitsink::strict
