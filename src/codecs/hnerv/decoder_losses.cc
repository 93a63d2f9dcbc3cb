// Computes the losses of the decoder's training.

#include "codecs/hnerv/decoder_losses.h"

#include <numbers>
#include <vector>

#include "train/margins.h"
#include "train/random.h"

namespace kitsink::hnerv {

using torch::Tensor;

Tensor SegLoss(SegTerm term, double tau, const Tensor& logits, const Tensor& target) {
  constexpr double kHardBelow = 1, kHardExtra = 4;
  if (term == SegTerm::kCrossEntropy) return torch::nll_loss2d(torch::log_softmax(logits / tau, 1), target);
  const Tensor margin = Margins(logits, target);
  if (term == SegTerm::kDisagreement) return torch::sigmoid(-margin / tau).mean();
  const Tensor loss = tau * torch::softplus(-margin / tau);
  if (term == SegTerm::kSoftplus) return loss.mean();
  const Tensor weight = 1 + kHardExtra * margin.detach().lt(kHardBelow).to(torch::kFloat32);
  return (loss * weight).mean() / weight.mean();
}

Tensor BatchPoseTerm(const Tensor& outputs, const Tensor& poses) {
  return (10 * (outputs - poses).square().mean() + 1e-12).sqrt();
}

Tensor SoftEntropy(const Tensor& value, double sigma, uint64_t seed) {
  constexpr int64_t kMostValues = 2000;
  Tensor sample = value.flatten();
  if (sample.numel() > kMostValues) {
    SeededRandom random(seed);
    std::vector<int64_t> chosen(kMostValues);
    for (int64_t& index : chosen) index = static_cast<int64_t>(random.Below(static_cast<size_t>(value.numel())));
    sample = sample.index_select(0, torch::tensor(chosen).to(value.device()));
  }
  const Tensor step = value.detach().abs().max().clamp_min(1e-12) / 127;
  const Tensor levels = torch::arange(-127, 128, value.options());
  const Tensor distance = ((sample / step).unsqueeze(1) - levels) / sigma;
  const Tensor histogram = torch::softmax(-0.5 * distance.square(), 1).mean(0);
  return -(histogram * (histogram + 1e-12).log2()).sum();
}

Tensor LaplaceBits(const Tensor& value, const Tensor& step) {
  // A Laplace density of mean magnitude b has log2(2 e b) bits. The root of a sum with 1 makes it end at 0 bits.
  const Tensor spread = 2 * std::numbers::e * (value / step).abs().mean();
  return 0.5 * static_cast<double>(value.numel()) * (1 + spread.square()).log2();
}

}  // namespace kitsink::hnerv
