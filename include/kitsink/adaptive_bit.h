#pragma once
// Adaptive bits: probabilities that learn as they go, coded by the range coder. A model written as a template over
// the coder serves both directions, so that encoder and decoder cannot disagree.

#include <cstdint>

#include "kitsink/range_coder.h"

namespace kitsink {

inline constexpr uint32_t kAdaptiveTotal = 1U << 16;

// Probability of a one, in 1/65536. After n bits it moves by 1/(n + 1.5) of the error, from the 254th on by 1/255.
class AdaptiveBit {
 public:
  uint32_t ones() const { return ones_; }
  void Update(bool bit) {
    const int32_t error = (bit ? int32_t{kAdaptiveTotal} : 0) - static_cast<int32_t>(ones_);
    ones_ = static_cast<uint32_t>(static_cast<int32_t>(ones_) + error * 2 / (2 * count_ + 3));
    if (ones_ < kFloor) ones_ = kFloor;
    if (ones_ > kAdaptiveTotal - kFloor) ones_ = kAdaptiveTotal - kFloor;
    if (count_ < 253) ++count_;
  }

 private:
  static constexpr uint32_t kFloor = 32;
  uint32_t ones_ = kAdaptiveTotal / 2;
  int32_t count_ = 0;
};

// Bit coders: Code() takes the bit (ignored when decoding) and returns the bit coded. CodeRaw() is for equiprobable
// bits, highest first, at most 32 of them.
class BitEncoder {
 public:
  explicit BitEncoder(RangeEncoder& coder) : coder_(coder) {}
  bool Code(AdaptiveBit& model, bool bit);
  uint32_t CodeRaw(uint32_t value, int count);

 private:
  RangeEncoder& coder_;
};

class BitDecoder {
 public:
  explicit BitDecoder(RangeDecoder& coder) : coder_(coder) {}
  bool Code(AdaptiveBit& model, bool ignored);
  uint32_t CodeRaw(uint32_t ignored, int count);

 private:
  RangeDecoder& coder_;
};

// A value of `count` bits, highest first, each in the context of those above it. REQUIRES: 2^count models.
template <typename Coder>
uint32_t CodeTree(Coder& coder, AdaptiveBit* models, uint32_t value, int count) {
  uint32_t node = 1;
  for (int i = count - 1; i >= 0; --i) node = node << 1 | (coder.Code(models[node], (value >> i & 1U) != 0) ? 1U : 0U);
  return node - (1U << count);
}

}  // namespace kitsink
