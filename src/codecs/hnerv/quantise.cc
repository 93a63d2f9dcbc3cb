// Quantises the decoder's tensors and the latents.

#include "codecs/hnerv/quantise.h"

#include <algorithm>
#include <cmath>

#include "kitsink/half.h"

namespace kitsink::hnerv {
namespace {

using torch::Tensor;

constexpr double kLargestCode = 127;
constexpr float kLeastStep = 0x1p-14F;  // the least normal half

float ToHalf(double value) { return HalfToFloat(FloatToHalf(static_cast<float>(value))); }

}  // namespace

Tensor LargestStep(const Tensor& value) {
  const Tensor largest = value.detach().abs().max();
  return torch::where(largest > 0, largest / kLargestCode, torch::ones_like(largest));
}

Tensor FirstStep(const Tensor& value) {
  constexpr double kMeanCode = 6;
  return torch::maximum(value.detach().abs().mean() / kMeanCode, LargestStep(value));
}

Tensor Quantised(const Tensor& value, const Tensor& step) {
  const Tensor real = (value / step).clamp(-kLargestCode, kLargestCode);
  return step * (real + (real.round() - real).detach());
}

Int8Tensor StoreTensor(const Tensor& value, double step, bool half) {
  Int8Tensor tensor;
  tensor.scale = half ? std::clamp(ToHalf(step), kLeastStep, 65504.0F) : static_cast<float>(step);
  const Tensor codes = (value.detach() / tensor.scale).round().clamp(-kLargestCode, kLargestCode);
  const Tensor bytes = codes.to(torch::kCPU, torch::kInt8).contiguous();
  tensor.codes.assign(bytes.data_ptr<int8_t>(), bytes.data_ptr<int8_t>() + bytes.numel());
  return tensor;
}

Latents StoreLatents(const Tensor& latents) {
  constexpr float kMostCodes = 255;
  const Tensor values = latents.detach().to(torch::kCPU).contiguous();
  const auto at = values.accessor<float, 2>();
  Latents stored;
  stored.num_pairs = static_cast<uint32_t>(values.size(0));
  stored.dims = static_cast<uint32_t>(values.size(1));
  stored.codes.resize(static_cast<size_t>(values.numel()));
  for (int64_t dim = 0; dim < values.size(1); ++dim) {
    float least = at[0][dim], most = at[0][dim];
    for (int64_t pair = 1; pair < values.size(0); ++pair) {
      least = std::min(least, at[pair][dim]);
      most = std::max(most, at[pair][dim]);
    }
    const float minimum = ToHalf(least);
    const float scale = std::max(ToHalf((most - minimum) / kMostCodes), kLeastStep);
    stored.minimum.push_back(FloatToHalf(minimum));
    stored.scale.push_back(FloatToHalf(scale));
    for (int64_t pair = 0; pair < values.size(0); ++pair) {
      const float code = std::clamp(std::nearbyint((at[pair][dim] - minimum) / scale), 0.0F, kMostCodes);
      stored.codes[static_cast<size_t>(pair * values.size(1) + dim)] = static_cast<uint8_t>(code);
    }
  }
  return stored;
}

}  // namespace kitsink::hnerv
