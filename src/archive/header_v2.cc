// Reads and writes the header of format version 2.

#include "archive/header_v2.h"

#include <string>

#include "archive/check_byte.h"

namespace kitsink {
namespace {

constexpr uint8_t kVersion = 2;
constexpr uint8_t kFrameSizeFollows = 1 << 7;  // in byte 1, which also holds codec and number of sections
constexpr int kSectionsShift = 4;

Error Corrupt(const std::string& what) { return Error{Code::kCorrupt, "archive: header: " + what}; }

}  // namespace

uint64_t HeaderV2::header_bytes() const { return WriteHeaderV2(*this).size(); }

Bytes WriteHeaderV2(const HeaderV2& header) {
  const bool explicit_size = header.frame_size != kContestFrameSize;
  ByteWriter writer;
  writer.U8(kMagic << 4 | kVersion);
  writer.U8(static_cast<uint8_t>(header.codec | (header.section_bytes.size() - 1) << kSectionsShift |
                                 (explicit_size ? kFrameSizeFollows : 0)));
  writer.U8(0);
  if (explicit_size) {
    writer.Leb128(header.frame_size.width);
    writer.Leb128(header.frame_size.height);
  }
  for (size_t i = 0; i + 1 < header.section_bytes.size(); ++i) {
    writer.Leb128(static_cast<uint32_t>(header.section_bytes[i]));
  }
  return writer.Take();
}

Result<HeaderV2> ReadHeaderV2(std::span<const uint8_t> member, const Limits& limits) {
  ByteReader reader(member);
  reader.U8();
  const uint8_t packed = reader.U8();
  reader.U8();  // the check byte
  HeaderV2 header;
  header.codec = packed & kMaxCodecId;
  const bool explicit_size = (packed & kFrameSizeFollows) != 0;
  if (explicit_size) header.frame_size = {reader.Leb128(), reader.Leb128()};
  header.section_bytes.resize((packed >> kSectionsShift & (kMaxSections - 1)) + 1);
  uint64_t declared = 0;
  for (size_t i = 0; i + 1 < header.section_bytes.size(); ++i) declared += header.section_bytes[i] = reader.Leb128();
  if (reader.overran()) return Corrupt("ends early, at byte " + std::to_string(member.size()));
  if (reader.malformed()) return Corrupt("holds a number that is no shortest LEB128 of 32 bits, at byte 3 or after");
  if (declared > reader.remaining()) {
    return Corrupt("sections of " + std::to_string(declared) + " bytes or more declared, got " +
                   std::to_string(reader.remaining()) + ", at byte 3");
  }
  KIT_TRY(VerifyCheckByte(member, kCheckByteVersion2));
  header.section_bytes.back() = reader.remaining() - declared;
  if (header.codec == 0 || header.codec == kVersion1Codec) {
    return Error{Code::kUnsupported,
                 "archive: header: codec " + std::to_string(header.codec) + " has no format version 2, at byte 1"};
  }
  if (explicit_size && header.frame_size == kContestFrameSize) {
    return Corrupt("spells out the usual frame size, at byte 3");
  }
  KIT_TRY(CheckFrameSize(header.frame_size, limits, 3));
  return header;
}

}  // namespace kitsink
