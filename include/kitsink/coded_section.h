#pragma once
// A section that is a CRC-16 of the decoded integers, then decisions of the binary coder.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kitsink/binary_coder.h"
#include "kitsink/bytes.h"
#include "kitsink/section_bits.h"

namespace kitsink {

struct CodedSection {
  std::span<const uint8_t> code;
  uint16_t checksum = 0;
};

inline Bytes FinishSection(BinaryEncoder& coder, uint16_t checksum) {
  ByteWriter writer;
  writer.U16(checksum);
  writer.Append(coder.Finish());
  return writer.Take();
}

inline Result<CodedSection> OpenSection(std::span<const uint8_t> section, const std::string& name) {
  if (section.size() < 2) {
    return Error{Code::kCorrupt, name + ": ends early, at byte " + std::to_string(section.size())};
  }
  ByteReader reader(section.first(2));
  return CodedSection{section.subspan(2), reader.U16()};
}

inline Error UnknownVersion(const std::string& name) {
  return Error{Code::kUnsupported, name + ": of a later version than this build knows, at byte 2"};
}

inline Status CloseSection(const BinaryDecoder& coder, const CodedSection& section, uint16_t checksum,
                           const std::string& name) {
  if (checksum != section.checksum) {
    return Error{Code::kCorrupt, name + ": checksum of the decoded integers is " + std::to_string(checksum) +
                                     ", expected " + std::to_string(section.checksum)};
  }
  if (!coder.at_end()) {
    return Error{Code::kCorrupt, name + ": its last bytes are not those of the code, before byte " +
                                     std::to_string(section.code.size() + 2)};
  }
  return Ok();
}

// Adds what no other part accounts for.
inline void AddRest(size_t section_bytes, std::vector<StreamPart>& parts) {
  double bits = 8 * static_cast<double>(section_bytes);
  for (const StreamPart& part : parts) bits -= part.bits;
  parts.push_back({"shape, end and checksum", bits, 0});
}

}  // namespace kitsink
