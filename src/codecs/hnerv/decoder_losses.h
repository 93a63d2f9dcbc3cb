#pragma once
// What the decoder's training lowers: SegNet's loss, PoseNet's, and the size of the archive, as differentiable models
// of the score's terms. The functions throw what LibTorch throws: call them inside Guarded.

#include <torch/torch.h>

#include <cstdint>

namespace kitsink::hnerv {

// Of the margins m = target logit - largest other logit:
enum class SegTerm {
  kCrossEntropy,  // of logits / tau
  kSoftplus,      // mean of tau * softplus(-m / tau)
  kDisagreement,  // mean of sigmoid(-m / tau), the share of wrong pixels as tau falls
  kHardSoftplus,  // kSoftplus with five times the weight for m < 1; weights have mean 1 and no gradient
};
// Of logits [N, classes, H, W] and target ids [N, H, W], int64.
torch::Tensor SegLoss(SegTerm term, double tau, const torch::Tensor& logits, const torch::Tensor& target);

// sqrt(10 * the mean squared error), the score's term as if the batch were the clip. Both are [N, 6].
torch::Tensor BatchPoseTerm(const torch::Tensor& outputs, const torch::Tensor& poses);

// Bits of a value's code in steps of max|value| / 127: the entropy of a soft histogram in which a code spreads over its
// neighbours by a Gaussian of `sigma` steps. At most 2000 values, which `seed` draws, stand for all.
torch::Tensor SoftEntropy(const torch::Tensor& value, double sigma, uint64_t seed);

// Bits of the codes round(value / step) together: the entropy of a Laplace density of their mean magnitude, which is
// within 0.1 bits a code for all magnitudes. Gradients go to the value and to the step.
torch::Tensor LaplaceBits(const torch::Tensor& value, const torch::Tensor& step);

}  // namespace kitsink::hnerv
