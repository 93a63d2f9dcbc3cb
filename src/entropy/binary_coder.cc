// Ends the stream of the binary coder, and starts its decoder.

#include "kitsink/binary_coder.h"

namespace kitsink {

uint64_t EndOfInterval(uint64_t low, uint64_t high) {
  // Rounding low up to a multiple of 256^zeros finds it.
  for (int zeros = 7; zeros >= 1 && low != 0; --zeros) {
    const uint64_t unit = uint64_t{1} << (8 * zeros);
    const uint64_t rounded = (low + unit - 1) & ~(unit - 1);
    if (rounded >= low && rounded <= high) return rounded;
  }
  return low;
}

void BinaryEncoder::AppendEnd() {
  // The decoder reads zeros past the end, so trailing zero bytes are left out; low = 0 needs no bytes at all.
  for (uint64_t value = EndOfInterval(low_, high_); value != 0; value <<= 8) {
    bytes_.push_back(static_cast<uint8_t>(value >> 56));
  }
}

Bytes BinaryEncoder::Finish() {
  AppendEnd();
  while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
  return std::move(bytes_);
}

Bytes BinaryEncoder::FinishWhole() {
  AppendEnd();
  return std::move(bytes_);
}

BinaryDecoder::BinaryDecoder(std::span<const uint8_t> bytes) : bytes_(bytes) {
  for (int i = 0; i < 8; ++i) code_ = code_ << 8 | NextByte();
}

bool BinaryDecoder::at_end() const {
  return unread() == 0 && code_ == EndOfInterval(low_, high_) && (bytes_.empty() || bytes_.back() != 0);
}

}  // namespace kitsink
