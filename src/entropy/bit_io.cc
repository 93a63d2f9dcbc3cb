// Packs and unpacks fields of a few bits.

#include "kitsink/bit_io.h"

#include <string>

namespace kitsink {

void BitWriter::Write(uint32_t value, int count) {
  for (int i = 0; i < count; ++i, ++num_bits_) {
    if (num_bits_ % 8 == 0) bytes_.push_back(0);
    bytes_.back() = static_cast<uint8_t>(bytes_.back() | ((value >> i & 1U) << (num_bits_ % 8)));
  }
}

uint32_t BitReader::Read(int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i, ++position_bits_) {
    const size_t byte = position_bits_ / 8;
    if (byte < bytes_.size()) value |= (uint32_t{bytes_[byte]} >> (position_bits_ % 8) & 1U) << i;
  }
  return value;
}

Status BitReader::Finish(std::string_view object) const {
  const size_t used_bytes = (position_bits_ + 7) / 8;
  if (used_bytes != bytes_.size()) {
    return Error{Code::kCorrupt, std::string(object) + ": got " + std::to_string(bytes_.size()) + " bytes, expected " +
                                     std::to_string(used_bytes)};
  }
  if (position_bits_ % 8 != 0 && bytes_.back() >> (position_bits_ % 8) != 0) {
    return Error{Code::kCorrupt,
                 std::string(object) + ": padding bits are not zero, at byte " + std::to_string(bytes_.size() - 1)};
  }
  return Ok();
}

}  // namespace kitsink
