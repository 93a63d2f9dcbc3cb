#include "refine/fake_quant.h"

#include <vector>

namespace kitsink {
namespace {

constexpr int64_t kBlock = 32;

torch::Tensor ToHalfAndBack(const torch::Tensor& value) { return value.to(torch::kHalf).to(torch::kFloat); }

torch::Tensor QuantizeFp4(const torch::Tensor& value) {
  static const std::vector<float> kLevels = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  static const std::vector<float> kMidpoints = {0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5};
  const auto options = value.options().requires_grad(false);
  const torch::Tensor levels = torch::tensor(kLevels).to(options.device());
  const torch::Tensor midpoints = torch::tensor(kMidpoints).to(options.device());
  const int64_t count = value.numel();
  const int64_t padding = (kBlock - count % kBlock) % kBlock;
  const torch::Tensor blocks = torch::constant_pad_nd(value.flatten(), {0, padding}).view({-1, kBlock});
  torch::Tensor scale = ToHalfAndBack(std::get<0>(blocks.abs().max(1, true)) / 6);
  scale = torch::where(scale.gt(0), scale, torch::ones_like(scale));
  // bucketize puts a midpoint itself into the lower bucket, as the format does.
  const torch::Tensor index = torch::bucketize((blocks.abs() / scale).contiguous(), midpoints);
  const torch::Tensor quantised = levels.index({index}) * scale * blocks.sign();
  return quantised.flatten().slice(0, 0, count).view(value.sizes());
}

}  // namespace

torch::Tensor FakeQuantize(const TensorSpec& spec, const torch::Tensor& value) {
  const torch::Tensor detached = value.detach();
  const torch::Tensor quantised = spec.kind == TensorKind::kFp4 ? QuantizeFp4(detached) : ToHalfAndBack(detached);
  return value + (quantised - detached);
}

}  // namespace kitsink
