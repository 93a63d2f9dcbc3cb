// Writes a member's header and sections as bytes, and parses and checks such bytes.

#include <algorithm>
#include <string>

#include "archive/check_byte.h"
#include "archive/header_v1.h"
#include "archive/header_v2.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

constexpr uint8_t kCheckStart = 0x4b;

Error TooLong(uint64_t size_bytes, const Limits& limits) {
  return Error{Code::kLimit, "archive: member of " + std::to_string(size_bytes) + " bytes, limit " +
                                 std::to_string(limits.max_member_bytes)};
}

std::string SizeText(FrameSize size) { return std::to_string(size.width) + " x " + std::to_string(size.height); }

bool IsFrameSize(FrameSize size, const Limits& limits) {
  return size.width > 0 && size.height > 0 && size.width <= limits.max_dimension && size.height <= limits.max_dimension;
}

HeaderV1 HeaderV1Of(const Member& member) {
  HeaderV1 header;
  header.flags = member.flags;
  header.frame_size = member.frame_size;
  for (size_t i = 0; i < kVersion1Sections; ++i) header.section_bytes[i] = member.sections[i].size();
  return header;
}

HeaderV2 HeaderV2Of(const Member& member) {
  HeaderV2 header;
  header.codec = member.codec;
  header.frame_size = member.frame_size;
  for (const Bytes& section : member.sections) header.section_bytes.push_back(section.size());
  return header;
}

Status CheckMember(const Member& member, const Limits& limits) {
  const auto bad = [](const std::string& what) { return Error{Code::kInvalidArgument, "archive: " + what}; };
  if (member.foreign) return bad("another program's member cannot be written, only repacked");
  if (!IsFrameSize(member.frame_size, limits)) {
    return bad("frames of " + SizeText(member.frame_size) + ", expected 1 to " + std::to_string(limits.max_dimension));
  }
  const bool version1 = member.codec == kVersion1Codec;
  const size_t most = version1 ? kVersion1Sections : kMaxSections;
  const size_t least = version1 ? kVersion1Sections : 1;
  if (member.sections.size() < least || member.sections.size() > most) {
    return bad("got " + std::to_string(member.sections.size()) + " sections, expected " + std::to_string(least) +
               " to " + std::to_string(most));
  }
  if (member.codec == 0 || member.codec > kMaxCodecId) {
    return bad("codec " + std::to_string(member.codec) + ", expected 1 to " + std::to_string(kMaxCodecId));
  }
  if ((member.flags & ~(version1 ? kCodecFlags : 0)) != 0) {
    return bad("flags " + std::to_string(member.flags) + " have no place in the header");
  }
  return Ok();
}

// Checks that every section's length fits its header field before it writes anything.
Result<Bytes> WriteHeaderOf(const Member& member, const Limits& limits) {
  if (FormatVersion(member) == 1) return WriteHeaderV1(HeaderV1Of(member));
  for (const Bytes& section : member.sections) {
    if (section.size() > limits.max_member_bytes) return TooLong(section.size(), limits);
  }
  return WriteHeaderV2(HeaderV2Of(member));
}

Member Split(std::span<const uint8_t> bytes, uint64_t header_bytes, std::span<const uint64_t> section_bytes) {
  Member member;
  ByteReader reader(bytes.subspan(header_bytes));
  for (const uint64_t length : section_bytes) {
    const std::span<const uint8_t> section = reader.Take(length);
    member.sections.emplace_back(section.begin(), section.end());
  }
  KIT_CHECK(!reader.overran() && reader.remaining() == 0);  // the header's reader has checked the lengths
  return member;
}

}  // namespace

int FormatVersion(const Member& member) {
  if (member.foreign) return 0;
  return member.codec == kVersion1Codec ? 1 : 2;
}

uint64_t HeaderBytes(const Member& member) {
  if (member.foreign) return 0;
  return FormatVersion(member) == 1 ? HeaderV1Of(member).header_bytes() : HeaderV2Of(member).header_bytes();
}

Result<Bytes> WriteMember(const Member& member, const Limits& limits) {
  KIT_TRY(CheckMember(member, limits));
  KIT_ASSIGN(Bytes bytes, WriteHeaderOf(member, limits));
  for (const Bytes& section : member.sections) bytes.insert(bytes.end(), section.begin(), section.end());
  if (bytes.size() > limits.max_member_bytes) return TooLong(bytes.size(), limits);
  const size_t check_byte = FormatVersion(member) == 1 ? kCheckByteVersion1 : kCheckByteVersion2;
  bytes[check_byte] = MemberCheck(bytes, check_byte);
  return bytes;
}

Result<Member> ReadMember(std::span<const uint8_t> bytes, const Limits& limits) {
  if (bytes.size() > limits.max_member_bytes) return TooLong(bytes.size(), limits);
  if (bytes.empty()) return Error{Code::kCorrupt, "archive: header: ends early, at byte 0"};
  if (bytes[0] >> 4 != kMagic) {
    return Error{Code::kCorrupt,
                 "archive: header: first byte is " + std::to_string(bytes[0]) + ", not a kitsink archive, at byte 0"};
  }
  Member member;
  switch (const int version = bytes[0] & 15; version) {
    case 1: {
      KIT_ASSIGN(const HeaderV1 header, ReadHeaderV1(bytes, limits));
      member = Split(bytes, header.header_bytes(), header.section_bytes);
      member.codec = kVersion1Codec;
      member.flags = header.flags;
      member.frame_size = header.frame_size;
      return member;
    }
    case 2: {
      KIT_ASSIGN(const HeaderV2 header, ReadHeaderV2(bytes, limits));
      member = Split(bytes, header.header_bytes(), header.section_bytes);
      member.codec = header.codec;
      member.frame_size = header.frame_size;
      return member;
    }
    default:
      return Error{Code::kUnsupported, "archive: header: format version " + std::to_string(version) +
                                           ", this build reads 1 and 2, at byte 0"};
  }
}

uint8_t MemberCheck(std::span<const uint8_t> member, size_t check_byte) {
  return Crc8(member.subspan(check_byte + 1), Crc8(member.first(check_byte), kCheckStart));
}

Status VerifyCheckByte(std::span<const uint8_t> member, size_t check_byte) {
  const uint8_t expected = MemberCheck(member, check_byte);
  if (member[check_byte] == expected) return Ok();
  return Error{Code::kCorrupt, "archive: header: check byte is " + std::to_string(member[check_byte]) + ", expected " +
                                   std::to_string(expected) + ": the archive is damaged, at byte " +
                                   std::to_string(check_byte)};
}

Status CheckFrameSize(FrameSize size, const Limits& limits, size_t byte) {
  if (IsFrameSize(size, limits)) return Ok();
  return Error{Code::kLimit, "archive: header: frames of " + SizeText(size) + ", expected 1 to " +
                                 std::to_string(limits.max_dimension) + ", at byte " + std::to_string(byte)};
}

}  // namespace kitsink
