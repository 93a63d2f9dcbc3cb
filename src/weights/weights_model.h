#pragma once
// What encoding and decoding of tensors share: the adaptive model and the checksum.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/adaptive_bit.h"
#include "kitsink/weights.h"

namespace kitsink {

// Statistics of one direction. Contexts finer than these (block maximum, row and column means, mixed by logistic
// mixing) gained 0.4 % of the FP4 codes of a published generator and are left out.
class WeightsModel {
 public:
  // For statistics numbers below `count`.
  explicit WeightsModel(size_t count) : levels_(count), scales_(count), halves_(count) {}

  // A code in 0 .. 15, never 8: level in the context of the statistics number, then an equiprobable sign.
  template <typename Coder>
  uint8_t CodeFp4(Coder& coder, uint8_t statistics, uint8_t code) {
    const uint32_t level = CodeTree(coder, levels_[statistics].data(), code & 7U, 3);
    if (level == 0) return 0;
    return static_cast<uint8_t>(coder.CodeRaw(code >> 3, 1) << 3 | level);
  }

  // A positive half below infinity: exponent in the context of the block before, then fraction bits from the top.
  template <typename Coder>
  uint16_t CodeScale(Coder& coder, uint8_t statistics, uint16_t pattern, uint16_t before) {
    auto& models = scales_[statistics];
    const uint32_t exponent = CodeTree(coder, models.exponent[before >> 10].data(), pattern >> 10, 5);
    uint32_t coded = exponent;
    for (size_t bit = 10; bit-- > 0;) {
      coded = coded << 1 | (coder.Code(models.fraction[bit], (pattern >> bit & 1U) != 0) ? 1U : 0U);
    }
    return static_cast<uint16_t>(coded);
  }

  // Any half: exponent and sign in the context of the statistics number, fraction bits in that of number and exponent.
  // Values on a coarse grid have fraction bits that are zero below a place set by the exponent: the model learns them,
  // and they cost nothing.
  template <typename Coder>
  uint16_t CodeHalf(Coder& coder, uint8_t statistics, uint16_t pattern) {
    auto& models = halves_[statistics];
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
  std::vector<std::array<AdaptiveBit, 8>> levels_;
  std::vector<ScaleModels> scales_;
  std::vector<HalfModels> halves_;
};

// One more than the largest statistics number. REQUIRES: all are below kMaxStatistics.
size_t CountStatistics(std::span<const TensorSpec> specs);

// CRC-16 of codes, scales and halves, tensor by tensor; scales and halves as 16 little-endian bits.
uint16_t TensorsChecksum(std::span<const QuantizedTensor> tensors);

}  // namespace kitsink
