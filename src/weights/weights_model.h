#pragma once
// The adaptive model and the checksum that encoding and decoding of tensors share.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/adaptive_bit.h"
#include "kitsink/weights.h"

namespace kitsink {

// Adaptive statistics of an encoder or a decoder. Finer contexts (block maximum, row and column means, combined by
// logistic mixing) saved 0.4 % of the FP4 codes of a published generator and are left out.
class WeightsModel {
 public:
  // For statistics numbers below `count`.
  explicit WeightsModel(size_t count) : levels_(count), scales_(count), halves_(count) {}

  // A code in 0 .. 15 but not 8: its level in the context of the statistics number, then an equiprobable sign.
  template <typename Coder>
  uint8_t CodeFp4(Coder& coder, uint8_t statistics, uint8_t code) {
    const uint32_t level = CodeTree(coder, levels_[statistics].data(), code & 7U, 3);
    if (level == 0) return 0;
    return static_cast<uint8_t>(coder.CodeRaw(code >> 3, 1) << 3 | level);
  }

  // A positive finite half: its exponent in the context of the previous block's, then the fraction bits, highest first.
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

  // Any half: sign and exponent in the context of the statistics number, fraction bits in the context of number and
  // exponent. On a coarse grid the lowest fraction bits are always zero, and the exponent says how many. The model
  // learns this, so these bits cost almost nothing.
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

}  // namespace kitsink
