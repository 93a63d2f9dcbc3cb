#pragma once
// The header of format version 1, used by codec `search` (FORMAT.md, "Header, version 1").

#include <array>
#include <cstdint>
#include <span>

#include "kitsink/archive.h"

namespace kitsink {

inline constexpr size_t kVersion1Sections = 4;  // m, w, p, r

struct HeaderV1 {
  uint8_t flags = 0;  // the codec's own flags, within kCodecFlags
  FrameSize frame_size = kContestFrameSize;
  std::array<uint64_t, kVersion1Sections> section_bytes{};

  uint64_t header_bytes() const;
};

// Header bytes with a check byte of zero. kLimit when a section is longer than its field.
Result<Bytes> WriteHeaderV1(const HeaderV1& header);

// Verifies flags, lengths and the check byte of the whole member. REQUIRES: the first byte says version 1.
Result<HeaderV1> ReadHeaderV1(std::span<const uint8_t> member, const Limits& limits);

}  // namespace kitsink
