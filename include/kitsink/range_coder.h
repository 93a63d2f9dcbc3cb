#pragma once
// Range coder: symbols with integer frequencies <-> bytes, exactly, on every machine.
//
// Interval: [low, high], both inclusive, 32 bits, at first [0, 2^32 - 1]. A symbol that owns [first, last) of `total`
// narrows it to low + range * first / total .. low + range * last / total - 1, range = high - low + 1, by truncating
// 64-bit division. Renormalisation goes bit by bit: while both ends share their top bit it is written, followed by
// the pending inverses; while the interval straddles the middle within the central half, one more bit is pending and
// the middle is stretched. Afterwards range > 2^30, so any total up to 2^20 leaves every symbol a non-empty interval.
// Bits fill bytes from the top. Flush: one more pending bit, then 0 if low < 2^30 else 1, then zeros to a whole byte.
// Past the end the decoder reads zeros; Finish() accepts exactly the bytes that the encoder writes and no others.

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
  // Flushes and yields the bytes; the encoder is spent.
  Bytes Finish();

 private:
  void PutBit(uint32_t bit);
  void PutBitAndPending(uint32_t bit);
  uint64_t low_ = 0, high_ = 0xffffffffU;
  uint64_t pending_ = 0;
  uint32_t partial_ = 0;  // bits of the byte being filled, with a leading one as a mark
  Bytes bytes_;
};

class RangeDecoder {
 public:
  explicit RangeDecoder(std::span<const uint8_t> bytes);
  // A number below `total` that lies in the next symbol's interval. REQUIRES: 0 < total <= kMaxRangeTotal.
  uint32_t Target(uint32_t total) const;
  // Consumes that symbol. REQUIRES: first <= Target(total) < last <= total.
  void Advance(uint32_t first, uint32_t last, uint32_t total);
  // More was read than the bytes can hold: the stream is damaged and decoding on is a waste.
  bool exhausted() const { return position_bits_ > 8 * bytes_.size() + 64; }
  // Bits settled so far: what the symbols read have cost, to within two bits.
  size_t bits_settled() const { return position_bits_ - 32; }
  // kCorrupt unless the bytes are exactly what RangeEncoder::Finish() yields for the symbols read.
  Status Finish(std::string_view object) const;

 private:
  uint32_t NextBit();
  std::span<const uint8_t> bytes_;
  size_t position_bits_ = 0;
  uint64_t low_ = 0, high_ = 0xffffffffU, code_ = 0;
};

}  // namespace kitsink
