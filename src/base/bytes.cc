// Writes and reads little-endian fields.

#include "kitsink/bytes.h"

#include <bit>
#include <string>

namespace kitsink {

void ByteWriter::Little(uint64_t value, int count) {
  for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

void ByteWriter::F32(float value) { U32(std::bit_cast<uint32_t>(value)); }

uint64_t ByteReader::Little(size_t count) {
  const std::span<const uint8_t> field = Take(count);
  uint64_t value = 0;
  for (size_t i = 0; i < field.size(); ++i) value |= uint64_t{field[i]} << (8 * i);
  return value;
}

float ByteReader::F32() { return std::bit_cast<float>(U32()); }

std::span<const uint8_t> ByteReader::Take(size_t count) {
  if (count > remaining()) {
    overran_ = true;
    position_ = bytes_.size();
    return {};
  }
  const std::span<const uint8_t> field = bytes_.subspan(position_, count);
  position_ += count;
  return field;
}

Status ByteReader::Finish(std::string_view object) const {
  if (overran_) {
    return Error{Code::kCorrupt, std::string(object) + ": ends early, at byte " + std::to_string(bytes_.size())};
  }
  if (remaining() != 0) {
    return Error{Code::kCorrupt, std::string(object) + ": " + std::to_string(remaining()) +
                                     " bytes left over, expected none, at byte " + std::to_string(position_)};
  }
  return Ok();
}

}  // namespace kitsink
