#pragma once
// The member's header (FORMAT.md, "Header"): where the four streams lie.

#include <array>
#include <cstdint>
#include <span>

#include "kitsink/bytes.h"
#include "kitsink/frame.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

inline constexpr uint8_t kFlagSelectors = 1 << 0;    // stream r is not empty
inline constexpr uint8_t kFlagUniformPose = 1 << 1;  // stream p is version 2
inline constexpr uint8_t kFlagSearch = 1 << 4;       // codec `search`: set in every archive of version 1
inline constexpr uint8_t kFlagExtended = 1 << 7;     // eight more header bytes

struct MemberHeader {
  uint8_t flags = 0;  // without kFlagExtended, which follows from the rest
  FrameSize frame_size = kContestFrameSize;
  uint64_t mask_bytes = 0, weights_bytes = 0, pose_bytes = 0, selectors_bytes = 0;

  uint64_t header_bytes() const;
  uint64_t stream_bytes() const { return mask_bytes + weights_bytes + pose_bytes + selectors_bytes; }
};

// Header bytes with a check byte of zero. kLimit when a stream is longer than its field.
Result<Bytes> WriteHeader(const MemberHeader& header);

// Verifies flags, lengths and the check byte of the whole member.
Result<MemberHeader> ReadHeader(std::span<const uint8_t> member, const Limits& limits);

// CRC-8 of all bytes of the member but the check byte itself. REQUIRES: at least 12 bytes.
uint8_t MemberCheck(std::span<const uint8_t> member);

inline constexpr size_t kCheckByte = 11;

}  // namespace kitsink
