#pragma once
// Bit strings, first bit in the lowest bit of the first byte: fields of a few bits, packed without gaps.

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
  // The bytes so far, the last one padded with zeros.
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
  size_t num_bits_ = 0;
};

// Sticky like ByteReader: past the end every read yields zero and Finish() reports it.
class BitReader {
 public:
  explicit BitReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  // REQUIRES: count <= 32.
  uint32_t Read(int count);
  // kCorrupt when a read went past the end, when a whole byte is left over or when padding bits are not zero.
  Status Finish(std::string_view object) const;

 private:
  std::span<const uint8_t> bytes_;
  size_t position_bits_ = 0;
};

}  // namespace kitsink
