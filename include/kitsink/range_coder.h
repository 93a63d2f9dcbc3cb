#pragma once
// Range coder for symbols with integer frequencies, after Witten, Neal and Cleary (1987). Integer arithmetic only.
//
// The state is the interval [low, high], both inclusive, 32 bits, at first [0, 2^32 - 1]. A symbol that owns
// [first, last) of `total` narrows it to low + range * first / total .. low + range * last / total - 1, where range is
// high - low + 1 and division truncates. Renormalisation goes bit by bit. While low and high share their top bit, the
// encoder writes this bit, then the pending bits with the opposite value. While the interval lies within the central
// half and straddles the middle, one more bit becomes pending and the central half is expanded. Afterwards
// range > 2^30, so with totals up to 2^20 every symbol keeps a non-empty interval. Bits fill bytes from the top. The
// flush is one more pending bit, then 0 if low < 2^30 and otherwise 1, then zeros up to a whole byte. Past the end the
// decoder reads zeros. RangeDecoder::Finish() accepts only the bytes that the encoder writes.

#include <cstdint>
#include <span>
#include <string_view>

#include "kitsink/bytes.h"
#include "kitsink/result.h"

namespace kitsink {

inline constexpr uint32_t kMaxRangeTotal = 1U << 20;

class RangeEncoder {
 public:
  // REQUIRES: first < last <= total <= kMaxRangeTotal.
  void Encode(uint32_t first, uint32_t last, uint32_t total);
  // Flushes and returns the bytes. The encoder cannot be used afterwards.
  Bytes Finish();

 private:
  void PutBit(uint32_t bit);
  void PutBitAndPending(uint32_t bit);
  uint64_t low_ = 0, high_ = 0xffffffffU;
  uint64_t pending_ = 0;
  uint32_t partial_ = 0;  // bits of the byte being filled, below a one that marks their number; 0 when there are none
  Bytes bytes_;
};

class RangeDecoder {
 public:
  explicit RangeDecoder(std::span<const uint8_t> bytes);
  // A number below `total` that lies in [first, last) of the next symbol. REQUIRES: 0 < total <= kMaxRangeTotal.
  uint32_t Target(uint32_t total) const;
  // Consumes that symbol. REQUIRES: first <= Target(total) < last <= total.
  void Advance(uint32_t first, uint32_t last, uint32_t total);
  // True when the decoder has read more than the bytes can hold. The stream is damaged.
  bool exhausted() const { return position_bits_ > 8 * bytes_.size() + 64; }
  // The cost in bits of the symbols read so far, to within two bits.
  size_t bits_settled() const { return position_bits_ - 32; }
  // kCorrupt unless RangeEncoder::Finish() returns exactly these bytes for the symbols read.
  Status Finish(std::string_view object) const;

 private:
  uint32_t NextBit();
  std::span<const uint8_t> bytes_;
  size_t position_bits_ = 0;
  uint64_t low_ = 0, high_ = 0xffffffffU, code_ = 0;
};

}  // namespace kitsink
