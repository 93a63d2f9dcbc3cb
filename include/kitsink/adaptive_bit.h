#pragma once
// Adaptive binary models over the range coder. A model that is a template over the bit coder both encodes and decodes,
// so the two directions cannot disagree.

#include <cstdint>

#include "kitsink/range_coder.h"

namespace kitsink {

inline constexpr uint32_t kAdaptiveTotal = 1U << 16;

// Probability of a one, in units of 1/65536. After n bits Update() moves it by 1/(n + 1.5) of the error; from the 254th
// bit on, by 2/509.
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

// Code() takes a bit, which the decoder ignores, and returns the coded bit. CodeRaw() does the same for `count`
// equiprobable bits, highest first. REQUIRES: count <= 32.
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

// Codes a value of `count` bits, highest first, by a binary tree of models: the bits coded so far select the next
// model. REQUIRES: `models` holds 2^count models.
template <typename Coder>
uint32_t CodeTree(Coder& coder, AdaptiveBit* models, uint32_t value, int count) {
  uint32_t node = 1;
  for (int i = count - 1; i >= 0; --i) node = node << 1 | (coder.Code(models[node], (value >> i & 1U) != 0) ? 1U : 0U);
  return node - (1U << count);
}

}  // namespace kitsink
