// Quantises real values, and dequantises. Floating point chooses which integers are stored, never how they are coded.

#include <algorithm>
#include <array>
#include <cmath>

#include "kitsink/half.h"
#include "kitsink/weights.h"

namespace kitsink {
namespace {

constexpr std::array<float, 8> kLevels = {0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F};
constexpr std::array<double, 7> kMidpoints = {0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0};

// Fp16 has ten fraction bits. FP4 levels are at least 25 % apart, so a block's scale needs only five. Dropping the
// other five saves 1,388 of some 54,500 bytes of a published generator.
constexpr int kDroppedScaleBits = 5;

// Steps of a dense tensor on each side of zero: 9 bits and a sign. Published codecs store 8 to 10 bits in all.
constexpr double kMaxDenseSteps = 511;

Error NotFinite(const TensorSpec& spec) {
  return Error{Code::kInvalidArgument, "weights: " + spec.name + ": a value is not finite or too large for fp16"};
}

void QuantizeFp4(std::span<const float> values, QuantizedTensor& tensor) {
  tensor.codes.reserve(values.size());
  for (size_t first = 0; first < values.size(); first += kFp4Block) {
    const std::span<const float> block = values.subspan(first, std::min(kFp4Block, values.size() - first));
    float largest = 0;
    for (const float value : block) largest = std::max(largest, std::abs(value));
    tensor.scales.push_back(Fp4Scale(largest));
    const double scale = HalfToFloat(tensor.scales.back());
    for (const float value : block) {
      const double magnitude = std::abs(double{value});
      uint8_t level = 0;
      while (level < 7 && magnitude > kMidpoints[level] * scale) ++level;  // ties go to the lower level
      tensor.codes.push_back(static_cast<uint8_t>(level != 0 && value < 0 ? 8 | level : level));
    }
  }
}

// The finest power-of-two step that keeps the largest value within kMaxDenseSteps; every multiple is an exact half.
double DenseStep(std::span<const float> values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(double{value}));
  double step = 0x1p-24;
  while (largest >= (kMaxDenseSteps + 0.5) * step) step *= 2;
  return step;
}

}  // namespace

uint16_t Fp4Scale(float largest) {
  constexpr uint32_t kUnit = 1U << kDroppedScaleBits;
  if (largest == 0) return kHalfOne;
  const uint32_t pattern = FloatToHalf(largest / 6);
  // Rounds to nearest, ties up. A carry into the exponent gives the next binade's first scale. Never zero.
  const uint32_t rounded = (pattern + kUnit / 2) / kUnit * kUnit;
  return static_cast<uint16_t>(std::clamp(rounded, kUnit, 0x7bffU / kUnit * kUnit));
}

Result<QuantizedTensor> QuantizeTensor(const TensorSpec& spec, std::span<const float> values) {
  if (values.size() != spec.num_values()) {
    return Error{Code::kInvalidArgument, "weights: " + spec.name + ": got " + std::to_string(values.size()) +
                                             " values, expected " + std::to_string(spec.num_values())};
  }
  for (const float value : values) {
    if (!std::isfinite(value) || !IsFiniteHalf(FloatToHalf(value))) return NotFinite(spec);
  }
  QuantizedTensor tensor;
  if (spec.kind == TensorKind::kFp4) {
    QuantizeFp4(values, tensor);
    return tensor;
  }
  const double step = spec.kind == TensorKind::kDense ? DenseStep(values) : 0;
  tensor.halves.reserve(values.size());
  for (const float value : values) {
    const float rounded = step > 0 ? static_cast<float>(std::round(value / step) * step) : value;
    const uint16_t pattern = FloatToHalf(rounded);
    if (!IsFiniteHalf(pattern)) return NotFinite(spec);
    tensor.halves.push_back(pattern == 0x8000 ? uint16_t{0} : pattern);
  }
  return tensor;
}

std::vector<float> DequantizeTensor(const TensorSpec& spec, const QuantizedTensor& tensor) {
  std::vector<float> values;
  values.reserve(spec.num_values());
  for (const uint16_t pattern : tensor.halves) values.push_back(HalfToFloat(pattern));
  if (spec.kind == TensorKind::kInt4Rows || spec.kind == TensorKind::kInt4Columns) {
    const size_t num_scales = tensor.scales.size();
    const size_t row = tensor.codes.size() / num_scales;
    for (size_t i = 0; i < tensor.codes.size(); ++i) {
      const size_t index = spec.kind == TensorKind::kInt4Rows ? i / row : i % num_scales;
      values.push_back(static_cast<float>(static_cast<int8_t>(tensor.codes[i])) * HalfToFloat(tensor.scales[index]));
    }
    return values;
  }
  for (size_t i = 0; i < tensor.codes.size(); ++i) {
    const float magnitude = kLevels[tensor.codes[i] & 7U] * HalfToFloat(tensor.scales[i / kFp4Block]);
    values.push_back((tensor.codes[i] & 8U) != 0 ? -magnitude : magnitude);
  }
  return values;
}

}  // namespace kitsink
