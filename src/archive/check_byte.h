#pragma once
// The check byte and the frame-size check, which the headers of both versions share.

#include <cstdint>
#include <span>

#include "kitsink/archive.h"

namespace kitsink {

inline constexpr uint8_t kMagic = 0xb;            // high half of the first byte; the low half is the version
inline constexpr size_t kCheckByteVersion1 = 11;  // position of the check byte
inline constexpr size_t kCheckByteVersion2 = 2;

// CRC-8 of all bytes of the member except the check byte. REQUIRES: more than `check_byte` bytes.
uint8_t MemberCheck(std::span<const uint8_t> member, size_t check_byte);

// kCorrupt unless the member's check byte is right.
Status VerifyCheckByte(std::span<const uint8_t> member, size_t check_byte);

// kLimit unless both sides are 1 .. Limits::max_dimension. `byte` is their position, for the message.
Status CheckFrameSize(FrameSize size, const Limits& limits, size_t byte);

}  // namespace kitsink
