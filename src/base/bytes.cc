// Little-endian fields and LEB128 numbers.

#include "kitsink/bytes.h"

#include <bit>
#include <string>

namespace kitsink {

void ByteWriter::Little(uint64_t value, int count) {
  for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

void ByteWriter::F32(float value) { U32(std::bit_cast<uint32_t>(value)); }

void ByteWriter::Leb128(uint32_t value) {
  for (; value >= 128; value >>= 7) U8(static_cast<uint8_t>(value | 128));
  U8(static_cast<uint8_t>(value));
}

uint64_t ByteReader::Little(size_t count) {
  const std::span<const uint8_t> field = Take(count);
  uint64_t value = 0;
  for (size_t i = 0; i < field.size(); ++i) value |= uint64_t{field[i]} << (8 * i);
  return value;
}

float ByteReader::F32() { return std::bit_cast<float>(U32()); }

uint32_t ByteReader::Leb128() {
  uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    const uint8_t byte = U8();
    value |= uint64_t{byte & 127U} << shift;
    if (byte >= 128) continue;
    malformed_ = malformed_ || (byte == 0 && shift > 0) || value > UINT32_MAX;
    return static_cast<uint32_t>(value);
  }
  malformed_ = true;
  return 0;
}

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
  if (malformed_) {
    return Error{Code::kCorrupt, std::string(object) +
                                     ": holds a number that is no shortest LEB128 of 32 bits, at byte " +
                                     std::to_string(position_) + " or before"};
  }
  if (remaining() != 0) {
    return Error{Code::kCorrupt, std::string(object) + ": " + std::to_string(remaining()) +
                                     " bytes left over, expected none, at byte " + std::to_string(position_)};
  }
  return Ok();
}

}  // namespace kitsink
