// Quantises tensors of the mixed stream, whose tables code no trailing zeros of halves.

#include <algorithm>
#include <cmath>
#include <string>

#include "kitsink/half.h"
#include "kitsink/weights.h"

namespace kitsink {
namespace {

// The nearest half with five fraction bits, ties away from zero; this saves 5 bits a value. An overflow becomes an
// infinity.
uint16_t CoarseHalf(float value) {
  constexpr uint32_t kUnit = 1U << 5;
  const uint32_t pattern = FloatToHalf(value);
  const uint32_t magnitude = ((pattern & 0x7fffU) + kUnit / 2) / kUnit * kUnit;
  return static_cast<uint16_t>(magnitude == 0 ? 0 : (pattern & 0x8000U) | magnitude);
}

}  // namespace

Result<QuantizedTensor> QuantizeMixedTensor(const TensorSpec& spec, std::span<const float> values) {
  const auto refuse = [&spec](const std::string& what) {
    return Error{Code::kInvalidArgument, "weights: " + spec.name + ": " + what};
  };
  if (values.size() != spec.num_values()) {
    return refuse("got " + std::to_string(values.size()) + " values, expected " + std::to_string(spec.num_values()));
  }
  for (const float value : values) {
    if (!std::isfinite(value) || !IsFiniteHalf(CoarseHalf(value))) return refuse("a value is not finite in fp16");
  }
  QuantizedTensor tensor;
  if (spec.kind == TensorKind::kHalf) {
    for (const float value : values) tensor.halves.push_back(CoarseHalf(value));
    return tensor;
  }
  const size_t lines = NumScales(spec);
  const size_t row = values.size() / lines;
  const auto line_of = [&](size_t i) { return spec.kind == TensorKind::kInt4Rows ? i / row : i % lines; };
  std::vector<float> largest(lines);
  for (size_t i = 0; i < values.size(); ++i) {
    largest[line_of(i)] = std::max(largest[line_of(i)], std::abs(values[i]));
  }
  for (const float magnitude : largest) {
    // A line of zeros, or of values near the least half, has any scale but 0.
    const uint16_t scale = CoarseHalf(magnitude / kMaxInt4);
    tensor.scales.push_back(scale == 0 ? kHalfOne : scale);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const float code = std::nearbyint(values[i] / HalfToFloat(tensor.scales[line_of(i)]));
    const auto limit = static_cast<float>(kMaxInt4);
    tensor.codes.push_back(static_cast<uint8_t>(static_cast<int8_t>(std::clamp(code, -limit, limit))));
  }
  return tensor;
}

}  // namespace kitsink
