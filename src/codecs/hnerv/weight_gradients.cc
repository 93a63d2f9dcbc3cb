// Differentiates the distortion terms by the decoder's codes, and tells which changes of codes gain.

#include "codecs/hnerv/weight_gradients.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "codecs/hnerv/decoder_losses.h"
#include "codecs/hnerv/decoder_torch.h"
#include "codecs/hnerv/frames.h"
#include "kitsink/contest.h"
#include "nets/nets_torch.h"

namespace kitsink::hnerv {
namespace {

using torch::Tensor;

constexpr int kLargestCode = 127;

// The price of each code -128 .. 127 in bits, from how often the tensor has it and its neighbours.
std::array<double, 256> BitsOfCodes(const Int8Tensor& tensor) {
  std::array<double, 258> counts{};  // with an empty place at both ends
  for (const int8_t code : tensor.codes) ++counts[static_cast<size_t>(code + 129)];
  std::array<double, 256> bits{};
  double sum = 0;
  for (size_t i = 0; i < bits.size(); ++i) {
    bits[i] = 0.5 * counts[i + 1] + 0.25 * (counts[i] + counts[i + 2]) + 0.02;
    sum += bits[i];
  }
  for (double& value : bits) value = -std::log2(value / sum);
  return bits;
}

}  // namespace

std::vector<float> CodeGradients(const Scene& scene, PairRange pairs, std::span<const Observation> targets,
                                 Nets::Modules& modules, double pose_slope) {
  constexpr double kTau = 0.05;  // of a wrong pixel's margin, as where the training ends
  const torch::Device device = TorchDevice(modules.device);
  std::vector<Tensor> values = ValuesOf(scene.shape, scene.tensors, device);
  for (Tensor& value : values) value.requires_grad_(true);
  for (uint64_t pair = pairs.first; pair < pairs.end; ++pair) {
    const Tensor latent = torch::tensor(DequantizeLatent(scene.latents, pair)).unsqueeze(0).to(device);
    const Tensor read = ReadPictures(scene, RenderPictures(scene.shape, values, latent));
    const Tensor f0 = read.slice(1, 0, 3), f1 = read.slice(1, 3, 6);
    const Observation& target = targets[pair];
    const Tensor classes = torch::from_blob(const_cast<uint8_t*>(target.class_map.data()),
                                            {1, kModelGrid.height, kModelGrid.width}, torch::kUInt8)
                               .to(device, torch::kInt64);
    const Tensor pose = torch::tensor(std::vector<float>(target.pose.begin(), target.pose.end())).to(device);
    const Tensor seg = SegLoss(SegTerm::kDisagreement, kTau, SegLogits(modules, f1), classes);
    const Tensor error = (PoseOutputs(modules, f0, f1) - pose).square().mean();
    ((100 * seg + pose_slope * error) / static_cast<double>(targets.size())).backward();
  }
  std::vector<float> gradients;
  for (size_t i = 0; i < values.size(); ++i) {
    const Tensor by_code = (values[i].grad() * scene.tensors[i].scale).to(torch::kCPU).contiguous();
    gradients.insert(gradients.end(), by_code.data_ptr<float>(), by_code.data_ptr<float>() + by_code.numel());
  }
  return gradients;
}

std::vector<CodeMove> CheaperMoves(const Scene& scene, std::span<const float> gradients,
                                   std::span<const double> squares) {
  struct Ranked {
    CodeMove move;
    double rank = 0;
  };
  std::vector<Ranked> ranked;
  size_t at = 0;
  for (size_t t = 0; t < scene.tensors.size(); ++t) {
    const std::vector<int8_t>& codes = scene.tensors[t].codes;
    const std::array<double, 256> bits = BitsOfCodes(scene.tensors[t]);
    for (size_t i = 0; i < codes.size(); ++i, ++at) {
      const int delta = gradients[at] > 0 ? -1 : 1;
      const int code = codes[i] + delta;
      if (std::abs(code) > kLargestCode) continue;
      const double saved = bits[static_cast<size_t>(codes[i] + 128)] - bits[static_cast<size_t>(code + 128)];
      if (saved > 0) ranked.push_back({{t, i, delta}, saved / (std::sqrt(squares[at]) + 1e-30)});
    }
  }
  std::ranges::stable_sort(ranked, std::greater(), &Ranked::rank);
  std::vector<CodeMove> moves;
  for (const Ranked& one : ranked) moves.push_back(one.move);
  return moves;
}

void MakeMoves(std::span<const CodeMove> moves, Scene& scene) {
  for (const CodeMove& move : moves) {
    int8_t& code = scene.tensors[move.tensor].codes[move.index];
    code = static_cast<int8_t>(code + move.delta);
  }
}

}  // namespace kitsink::hnerv
