#pragma once
// Byte vectors, and little-endian readers and writers over them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/result.h"

namespace kitsink {

using Bytes = std::vector<uint8_t>;

// The cost of one part of a stream: its size in bits, or its ideal code length where one coder codes several parts.
struct StreamPart {
  std::string name;
  double bits = 0;
  uint64_t count = 0;  // pixels, values or codes in this part; 0 for header fields
};

// Appends little-endian fields to a byte vector.
class ByteWriter {
 public:
  void U8(uint8_t value) { bytes_.push_back(value); }
  void U16(uint16_t value) { Little(value, 2); }
  void U32(uint32_t value) { Little(value, 4); }
  void U64(uint64_t value) { Little(value, 8); }
  void F32(float value);
  // Seven bits a byte, lowest first; the top bit says that more follow. As few bytes as the value needs.
  void Leb128(uint32_t value);
  void Append(std::span<const uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  size_t size_bytes() const { return bytes_.size(); }
  Bytes Take() { return std::move(bytes_); }

 private:
  void Little(uint64_t value, int count);
  Bytes bytes_;
};

// Reads little-endian fields. Past the end every read returns zero and Finish() reports it, so a parser can check once,
// at its end. A count that was read must still be validated before a loop uses it.
class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  uint8_t U8() { return static_cast<uint8_t>(Little(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Little(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Little(4)); }
  uint64_t U64() { return Little(8); }
  float F32();
  // At most 32 bits; an encoding with more bytes than the value needs is malformed, which Finish() reports.
  uint32_t Leb128();
  // A view of the next `count` bytes, or an empty one when fewer are left.
  std::span<const uint8_t> Take(size_t count);
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  bool overran() const { return overran_; }
  bool malformed() const { return malformed_; }
  // kCorrupt when a read went past the end ("ends early"), when a number was malformed, or when bytes are left over.
  Status Finish(std::string_view object) const;

 private:
  uint64_t Little(size_t count);
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  bool overran_ = false;
  bool malformed_ = false;
};

}  // namespace kitsink
