#include "archive/header.h"

#include <string>

#include "kitsink/hash.h"

namespace kitsink {
namespace {

constexpr uint8_t kMagic = 0xb;
constexpr uint8_t kVersion = 1;
constexpr uint64_t kShortBytes = 12;
constexpr uint64_t kExtendedBytes = 20;
constexpr uint8_t kKnownFlags = kFlagSelectors | kFlagUniformPose | kFlagSearch | kFlagExtended;
constexpr uint8_t kCheckStart = 0x4b;

// Low bits of the four lengths; the extended header adds eight high bits to each.
constexpr int kLongBits = 20;   // m and w
constexpr int kShortBits = 16;  // p and r

Error Corrupt(const std::string& what) { return Error{Code::kCorrupt, "archive: header: " + what}; }

}  // namespace

uint64_t MemberHeader::header_bytes() const {
  const bool extended = frame_size != kContestFrameSize || mask_bytes >> kLongBits != 0 ||
                        weights_bytes >> kLongBits != 0 || pose_bytes >> kShortBits != 0 ||
                        selectors_bytes >> kShortBits != 0;
  return extended ? kExtendedBytes : kShortBytes;
}

Result<Bytes> WriteHeader(const MemberHeader& header) {
  for (const auto& [name, size_bytes, bits] :
       {std::tuple{"m", header.mask_bytes, kLongBits}, std::tuple{"w", header.weights_bytes, kLongBits},
        std::tuple{"p", header.pose_bytes, kShortBits}, std::tuple{"r", header.selectors_bytes, kShortBits}}) {
    if (size_bytes >> (bits + 8) != 0) {
      return Error{Code::kLimit, "archive: stream " + std::string(name) + " of " + std::to_string(size_bytes) +
                                     " bytes, the format holds less than " + std::to_string(1ULL << (bits + 8))};
    }
  }
  const bool extended = header.header_bytes() == kExtendedBytes;
  constexpr uint64_t kLongMask = (1ULL << kLongBits) - 1;
  const uint64_t long_lengths = (header.mask_bytes & kLongMask) | (header.weights_bytes & kLongMask) << kLongBits;
  ByteWriter writer;
  writer.U8(kMagic << 4 | kVersion);
  writer.U8(static_cast<uint8_t>(header.flags | (extended ? kFlagExtended : 0)));
  writer.U32(static_cast<uint32_t>(long_lengths));
  writer.U8(static_cast<uint8_t>(long_lengths >> 32));
  writer.U16(static_cast<uint16_t>(header.pose_bytes));
  writer.U16(static_cast<uint16_t>(header.selectors_bytes));
  writer.U8(0);
  if (extended) {
    writer.U16(static_cast<uint16_t>(header.frame_size.width));
    writer.U16(static_cast<uint16_t>(header.frame_size.height));
    writer.U8(static_cast<uint8_t>(header.mask_bytes >> kLongBits));
    writer.U8(static_cast<uint8_t>(header.weights_bytes >> kLongBits));
    writer.U8(static_cast<uint8_t>(header.pose_bytes >> kShortBits));
    writer.U8(static_cast<uint8_t>(header.selectors_bytes >> kShortBits));
  }
  return writer.Take();
}

Result<MemberHeader> ReadHeader(std::span<const uint8_t> member, const Limits& limits) {
  if (member.size() > limits.max_member_bytes) {
    return Error{Code::kLimit, "archive: member of " + std::to_string(member.size()) + " bytes, limit " +
                                   std::to_string(limits.max_member_bytes)};
  }
  ByteReader reader(member);
  const uint8_t first = reader.U8();
  const uint8_t flags = reader.U8();
  const uint64_t low_word = reader.U32();
  const uint64_t long_lengths = low_word | uint64_t{reader.U8()} << 32;
  MemberHeader header;
  header.flags = static_cast<uint8_t>(flags & ~kFlagExtended);
  header.mask_bytes = long_lengths & ((1ULL << kLongBits) - 1);
  header.weights_bytes = long_lengths >> kLongBits;
  header.pose_bytes = reader.U16();
  header.selectors_bytes = reader.U16();
  const uint8_t check = reader.U8();
  if (!member.empty() && first >> 4 != kMagic) {
    return Corrupt("first byte is " + std::to_string(first) + ", not a kitsink archive, at byte 0");
  }
  if (!member.empty() && (first & 15) != kVersion) {
    return Error{Code::kUnsupported, "archive: header: format version " + std::to_string(first & 15) +
                                         ", this build reads " + std::to_string(kVersion) + ", at byte 0"};
  }
  if ((flags & kFlagExtended) != 0) {
    header.frame_size.width = reader.U16();
    header.frame_size.height = reader.U16();
    header.mask_bytes |= uint64_t{reader.U8()} << kLongBits;
    header.weights_bytes |= uint64_t{reader.U8()} << kLongBits;
    header.pose_bytes |= uint64_t{reader.U8()} << kShortBits;
    header.selectors_bytes |= uint64_t{reader.U8()} << kShortBits;
  }
  if (reader.overran()) return Corrupt("ends early, at byte " + std::to_string(member.size()));
  if (header.stream_bytes() != reader.remaining()) {
    return Corrupt("streams of " + std::to_string(header.stream_bytes()) + " bytes declared, got " +
                   std::to_string(reader.remaining()) + ", at byte 2");
  }
  if (const uint8_t expected = MemberCheck(member); check != expected) {
    return Corrupt("check byte is " + std::to_string(check) + ", expected " + std::to_string(expected) +
                   ": the archive is damaged, at byte " + std::to_string(kCheckByte));
  }
  if ((flags & ~kKnownFlags) != 0 || (flags & kFlagSearch) == 0) {
    return Error{Code::kUnsupported,
                 "archive: header: flags " + std::to_string(flags) + " are not those of codec search, at byte 1"};
  }
  if (((flags & kFlagSelectors) != 0) != (header.selectors_bytes != 0)) {
    return Corrupt("flag 0 and the length of stream r contradict each other, at byte 1");
  }
  if (header.header_bytes() != reader.position()) {
    return Corrupt("is extended without need, at byte 1");
  }
  if (header.frame_size.width == 0 || header.frame_size.height == 0 || header.frame_size.width > limits.max_dimension ||
      header.frame_size.height > limits.max_dimension) {
    return Error{Code::kLimit, "archive: header: frames of " + std::to_string(header.frame_size.width) + " x " +
                                   std::to_string(header.frame_size.height) + ", expected 1 to " +
                                   std::to_string(limits.max_dimension) + ", at byte 12"};
  }
  return header;
}

uint8_t MemberCheck(std::span<const uint8_t> member) {
  return Crc8(member.subspan(kCheckByte + 1), Crc8(member.first(kCheckByte), kCheckStart));
}

}  // namespace kitsink
