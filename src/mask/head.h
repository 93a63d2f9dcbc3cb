#pragma once
// The header of a stream m, and the stored form of its maps ("Stream m" in the FORMAT.md of codec search).

#include <cstdint>
#include <span>

#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/mask.h"
#include "kitsink/result.h"

namespace kitsink {

inline constexpr int kMaskVersion = 2;  // written; version 1 is read as well
inline constexpr uint32_t kMaxSegments = 4;
inline constexpr size_t kMaskHeadBytes = 16;

//   byte 0 version | 1 level, +0x80 when stored | 2 width | 4 height | 6 count | 8 classes | 9 segments
//   | 10 CRC-32 of the maps | 14 CRC-16 of bytes 0 .. 13
struct MaskHead {
  int version = kMaskVersion;
  int level = 0;
  bool stored = false;
  uint32_t width = 0, height = 0, count = 0, num_classes = 0;
  uint32_t num_segments = 1;  // 1 .. kMaxSegments, at most count; 1 when stored
  uint32_t maps_crc = 0;
  uint64_t clip_bytes() const { return uint64_t{width} * height * count; }
};

// Ok for a clip that a stream can hold: sizes of at least 1, at least 2 classes, nothing above `limits`.
Status CheckClipSize(uint64_t width, uint64_t height, uint64_t count, uint64_t num_classes, const Limits& limits);

// Ok when every id is below num_classes.
Status CheckClassIds(std::span<const uint8_t> ids, uint32_t num_classes);
// The header of the clip's stream, without the checksum of the maps. Checks the clip as EncodeMask() does.
Result<MaskHead> HeadOf(const MaskClip& clip, int level, const Limits& limits);

void WriteMaskHead(const MaskHead& head, ByteWriter& writer);
// Reads the header; the reader then stands after it. kCorrupt, kUnsupported or kLimit.
Result<MaskHead> ReadMaskHead(ByteReader& reader, const Limits& limits);

// Bits of one id in the stored form: the bit length of num_classes - 1.
int StoredBits(uint32_t num_classes);
uint64_t StoredBytes(const MaskHead& head);
Bytes PackStored(std::span<const uint8_t> ids, uint32_t num_classes);
// REQUIRES: packed.size() is the size of `count` packed ids. Returned ids may be >= num_classes.
std::vector<uint8_t> UnpackStored(std::span<const uint8_t> packed, uint64_t count, uint32_t num_classes);

}  // namespace kitsink
