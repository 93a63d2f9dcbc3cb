#pragma once
// Writes and reads fields of a few bits, packed without gaps. The first bit is the lowest bit of the first byte.

#include <cstdint>
#include <span>
#include <string_view>

#include "kitsink/bytes.h"
#include "kitsink/result.h"

namespace kitsink {

class BitWriter {
 public:
  // REQUIRES: count <= 32 and value < 2^count.
  void Write(uint32_t value, int count);
  // Returns the bytes so far. Unused bits of the last byte are zero.
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
  size_t num_bits_ = 0;
};

// Past the end every read returns zero, and Finish() reports it, as with ByteReader.
class BitReader {
 public:
  explicit BitReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  // REQUIRES: count <= 32.
  uint32_t Read(int count);
  // kCorrupt when a read went past the end, a whole byte is left over, or a padding bit is not zero.
  Status Finish(std::string_view object) const;

 private:
  std::span<const uint8_t> bytes_;
  size_t position_bits_ = 0;
};

}  // namespace kitsink
