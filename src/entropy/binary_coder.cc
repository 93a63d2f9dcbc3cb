// Ends the stream of the binary coder, and starts its decoder.

#include "kitsink/binary_coder.h"

namespace kitsink {

Bytes BinaryEncoder::Finish() {
  // The decoder reads zeros past the end, so the shortest stream is the value in [low, high] with the most trailing
  // zero bytes. Rounding low up to a multiple of 256^zeros finds it; low = 0 needs no bytes at all.
  uint64_t value = low_;
  for (int zeros = 7; zeros >= 1 && low_ != 0; --zeros) {
    const uint64_t unit = uint64_t{1} << (8 * zeros);
    const uint64_t rounded = (low_ + unit - 1) & ~(unit - 1);
    if (rounded >= low_ && rounded <= high_) {
      value = rounded;
      break;
    }
  }
  for (; value != 0; value <<= 8) bytes_.push_back(static_cast<uint8_t>(value >> 56));
  while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
  return std::move(bytes_);
}

BinaryDecoder::BinaryDecoder(std::span<const uint8_t> bytes) : bytes_(bytes) {
  for (int i = 0; i < 8; ++i) code_ = code_ << 8 | NextByte();
}

}  // namespace kitsink
