#pragma once
// The header of format version 2, used by every codec except `search` (FORMAT.md, "Header, version 2").

#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/archive.h"

namespace kitsink {

struct HeaderV2 {
  CodecId codec = 0;
  FrameSize frame_size = kContestFrameSize;
  std::vector<uint64_t> section_bytes;  // of all sections

  uint64_t header_bytes() const;
};

// Header bytes with a check byte of zero.
Bytes WriteHeaderV2(const HeaderV2& header);

// Verifies codec, lengths and the check byte of the whole member. REQUIRES: the first byte says version 2.
Result<HeaderV2> ReadHeaderV2(std::span<const uint8_t> member, const Limits& limits);

}  // namespace kitsink
