#pragma once
// What both directions of stream w share: the adaptive model of a weight set and the checks of a shape.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "kitsink/adaptive_bit.h"
#include "kitsink/weights.h"

namespace kitsink {

inline constexpr uint8_t kDefaultShape = 1;   // head of stream w: the default shape
inline constexpr uint8_t kExplicitShape = 2;  // head of stream w: seven u16 follow

// Tensors whose values are alike share statistics.
enum class TensorClass : uint8_t {
  kDepthwise,
  kPointwise,
  kPlainWeight,
  kPlainBias,
  kNormWeight,
  kNormBias,
  kPoseMlp,
  kFilm,
};
inline constexpr size_t kNumTensorClasses = 8;

inline TensorClass ClassOf(const TensorSpec& spec) {
  const std::string_view name = spec.name;
  switch (spec.kind) {
    case TensorKind::kFp4:
      return spec.shape[1] == 1 && spec.shape[2] == 3 ? TensorClass::kDepthwise : TensorClass::kPointwise;
    case TensorKind::kHalf: return spec.shape.size() > 1 ? TensorClass::kPlainWeight : TensorClass::kPlainBias;
    case TensorKind::kDense: break;
  }
  if (name.find("norm") != name.npos) {
    return name.ends_with(".weight") ? TensorClass::kNormWeight : TensorClass::kNormBias;
  }
  return name.starts_with("pose_mlp") ? TensorClass::kPoseMlp : TensorClass::kFilm;
}

// Statistics of one direction of stream w. Contexts finer than these (block maximum, row and column means, mixed by
// logistic mixing) gained 0.4 % of the FP4 codes of a published generator and are left out.
class WeightsModel {
 public:
  // A code in 0 .. 15, never 8: level in the context of the tensor's class, then an equiprobable sign.
  template <typename Coder>
  uint8_t CodeFp4(Coder& coder, TensorClass tensor_class, uint8_t code) {
    const uint32_t level = CodeTree(coder, levels_[static_cast<size_t>(tensor_class)].data(), code & 7U, 3);
    if (level == 0) return 0;
    return static_cast<uint8_t>(coder.CodeRaw(code >> 3, 1) << 3 | level);
  }

  // A positive half below infinity: exponent in the context of the block before, then fraction bits from the top.
  template <typename Coder>
  uint16_t CodeScale(Coder& coder, TensorClass tensor_class, uint16_t pattern, uint16_t before) {
    auto& models = scales_[static_cast<size_t>(tensor_class)];
    const uint32_t exponent = CodeTree(coder, models.exponent[before >> 10].data(), pattern >> 10, 5);
    uint32_t coded = exponent;
    for (size_t bit = 10; bit-- > 0;) {
      coded = coded << 1 | (coder.Code(models.fraction[bit], (pattern >> bit & 1U) != 0) ? 1U : 0U);
    }
    return static_cast<uint16_t>(coded);
  }

  // Any half: exponent and sign in the context of the class, fraction bits in that of class and exponent. Values on a
  // coarse grid have fraction bits that are zero below a place set by the exponent: they are learnt and cost nothing.
  template <typename Coder>
  uint16_t CodeHalf(Coder& coder, TensorClass tensor_class, uint16_t pattern) {
    auto& models = halves_[static_cast<size_t>(tensor_class)];
    const uint32_t exponent = CodeTree(coder, models.exponent.data(), pattern >> 10 & 31U, 5);
    uint32_t coded = (coder.Code(models.negative, pattern >> 15 != 0) ? 32U : 0U) | exponent;
    for (size_t bit = 10; bit-- > 0;) {
      coded = coded << 1 | (coder.Code(models.fraction[exponent][bit], (pattern >> bit & 1U) != 0) ? 1U : 0U);
    }
    return static_cast<uint16_t>(coded);
  }

 private:
  struct ScaleModels {
    std::array<std::array<AdaptiveBit, 32>, 32> exponent;
    std::array<AdaptiveBit, 10> fraction;
  };
  struct HalfModels {
    std::array<AdaptiveBit, 32> exponent;
    AdaptiveBit negative;
    std::array<std::array<AdaptiveBit, 10>, 32> fraction;
  };
  std::array<std::array<AdaptiveBit, 8>, 2> levels_;
  std::array<ScaleModels, 2> scales_;
  std::array<HalfModels, kNumTensorClasses> halves_;
};

// Widths within 1 .. 4096, even where groups need it, and the number of weights within the limit.
Status CheckGeneratorShape(const GeneratorShape& shape, const Limits& limits);

// CRC-16 of codes, scales and halves, tensor by tensor; scales and halves as 16 little-endian bits.
uint16_t WeightsChecksum(const WeightSet& weights);

}  // namespace kitsink
