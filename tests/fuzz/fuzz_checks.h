#pragma once
// What the fuzz targets have in common: limits, decent errors, corrected checksums.

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string>

#include "archive/check_byte.h"
#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink::fuzz {

// Small limits, so that a large declared size costs a fuzzer no time. The checks are the same as with default limits.
inline Limits SmallLimits() {
  Limits limits;
  limits.max_pairs = 1024;
  limits.max_dimension = 256;
  limits.max_map_bytes = 1 << 10;
  limits.max_weights = 1 << 12;
  limits.max_member_bytes = 1 << 16;
  limits.max_extracted_bytes = 1 << 16;
  return limits;
}

// An error must be one printable line, and must not report a bug in kitsink.
inline void ExpectDecent(const Error& error) {
  KIT_CHECK(error.code == Code::kCorrupt || error.code == Code::kUnsupported || error.code == Code::kLimit);
  KIT_CHECK(!error.message.empty() && error.message.size() < 1000);
  KIT_CHECK(
      std::ranges::all_of(error.message, [](char c) { return std::isprint(static_cast<unsigned char>(c)) != 0; }));
}

// A fuzzer cannot guess a checksum, so this takes the computed one from the decoder's message.
inline std::optional<uint32_t> ComputedChecksum(const Error& error) {
  const size_t checksum = error.message.find("checksum");
  if (checksum == std::string::npos) return std::nullopt;
  const size_t digits = error.message.find_first_of("0123456789", checksum);
  uint32_t value = 0;
  std::from_chars(error.message.data() + digits, error.message.data() + error.message.size(), value);
  return value;
}

// Writes `value` in little-endian order into the `count` bytes from `at`.
inline void Patch(Bytes& bytes, size_t at, uint32_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

// Corrects the check byte, whose position depends on the version.
inline Bytes Rechecked(std::span<const uint8_t> bytes) {
  Bytes member(bytes.begin(), bytes.end());
  const size_t check_byte = !member.empty() && (member[0] & 15) == 2 ? kCheckByteVersion2 : kCheckByteVersion1;
  if (member.size() > check_byte) member[check_byte] = MemberCheck(member, check_byte);
  return member;
}

}  // namespace kitsink::fuzz
