// Reads and writes the header of format version 1.

#include "archive/header_v1.h"

#include <numeric>
#include <string>

#include "archive/check_byte.h"

namespace kitsink {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint64_t kShortBytes = 12;
constexpr uint64_t kExtendedBytes = 20;
constexpr uint8_t kFlagLastSection = 1 << 0;  // section r is not empty
constexpr uint8_t kFlagSearch = 1 << 4;       // codec `search`: set in every archive of version 1
constexpr uint8_t kFlagExtended = 1 << 7;     // eight more header bytes
constexpr uint8_t kKnownFlags = kFlagLastSection | kCodecFlags | kFlagSearch | kFlagExtended;

// Low bits of the four lengths; the extended header adds eight high bits to each.
constexpr std::array<int, kVersion1Sections> kLengthBits = {20, 20, 16, 16};
constexpr std::array<const char*, kVersion1Sections> kNames = {"m", "w", "p", "r"};

Error Corrupt(const std::string& what) { return Error{Code::kCorrupt, "archive: header: " + what}; }

}  // namespace

uint64_t HeaderV1::header_bytes() const {
  bool extended = frame_size != kContestFrameSize;
  for (size_t i = 0; i < kVersion1Sections; ++i) extended = extended || section_bytes[i] >> kLengthBits[i] != 0;
  return extended ? kExtendedBytes : kShortBytes;
}

Result<Bytes> WriteHeaderV1(const HeaderV1& header) {
  for (size_t i = 0; i < kVersion1Sections; ++i) {
    if (header.section_bytes[i] >> (kLengthBits[i] + 8) == 0) continue;
    return Error{Code::kLimit, "archive: stream " + std::string(kNames[i]) + " of " +
                                   std::to_string(header.section_bytes[i]) + " bytes, the format holds less than " +
                                   std::to_string(1ULL << (kLengthBits[i] + 8))};
  }
  const auto& [mask_bytes, weights_bytes, pose_bytes, selectors_bytes] = header.section_bytes;
  const bool extended = header.header_bytes() == kExtendedBytes;
  constexpr uint64_t kLongMask = (1ULL << kLengthBits[0]) - 1;
  const uint64_t long_lengths = (mask_bytes & kLongMask) | (weights_bytes & kLongMask) << kLengthBits[0];
  ByteWriter writer;
  writer.U8(kMagic << 4 | kVersion);
  writer.U8(static_cast<uint8_t>(header.flags | kFlagSearch | (selectors_bytes > 0 ? kFlagLastSection : 0) |
                                 (extended ? kFlagExtended : 0)));
  writer.U32(static_cast<uint32_t>(long_lengths));
  writer.U8(static_cast<uint8_t>(long_lengths >> 32));
  writer.U16(static_cast<uint16_t>(pose_bytes));
  writer.U16(static_cast<uint16_t>(selectors_bytes));
  writer.U8(0);
  if (extended) {
    writer.U16(static_cast<uint16_t>(header.frame_size.width));
    writer.U16(static_cast<uint16_t>(header.frame_size.height));
    for (size_t i = 0; i < kVersion1Sections; ++i) {
      writer.U8(static_cast<uint8_t>(header.section_bytes[i] >> kLengthBits[i]));
    }
  }
  return writer.Take();
}

Result<HeaderV1> ReadHeaderV1(std::span<const uint8_t> member, const Limits& limits) {
  ByteReader reader(member);
  reader.U8();
  const uint8_t flags = reader.U8();
  const uint64_t low_word = reader.U32();
  const uint64_t long_lengths = low_word | uint64_t{reader.U8()} << 32;
  HeaderV1 header;
  header.flags = flags & kCodecFlags;
  auto& lengths = header.section_bytes;
  lengths[0] = long_lengths & ((1ULL << kLengthBits[0]) - 1);
  lengths[1] = long_lengths >> kLengthBits[0];
  lengths[2] = reader.U16();
  lengths[3] = reader.U16();
  reader.U8();  // the check byte
  if ((flags & kFlagExtended) != 0) {
    header.frame_size.width = reader.U16();
    header.frame_size.height = reader.U16();
    for (size_t i = 0; i < kVersion1Sections; ++i) lengths[i] |= uint64_t{reader.U8()} << kLengthBits[i];
  }
  if (reader.overran()) return Corrupt("ends early, at byte " + std::to_string(member.size()));
  const uint64_t declared = std::accumulate(lengths.begin(), lengths.end(), uint64_t{0});
  if (declared != reader.remaining()) {
    return Corrupt("streams of " + std::to_string(declared) + " bytes declared, got " +
                   std::to_string(reader.remaining()) + ", at byte 2");
  }
  KIT_TRY(VerifyCheckByte(member, kCheckByteVersion1));
  if ((flags & ~kKnownFlags) != 0 || (flags & kFlagSearch) == 0) {
    return Error{Code::kUnsupported,
                 "archive: header: flags " + std::to_string(flags) + " are not those of codec search, at byte 1"};
  }
  if (((flags & kFlagLastSection) != 0) != (lengths[3] != 0)) {
    return Corrupt("flag 0 and the length of stream r contradict each other, at byte 1");
  }
  if (header.header_bytes() != reader.position()) return Corrupt("is extended without need, at byte 1");
  KIT_TRY(CheckFrameSize(header.frame_size, limits, kShortBytes));
  return header;
}

}  // namespace kitsink
