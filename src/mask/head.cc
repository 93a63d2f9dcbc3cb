// Reads and writes the header of stream m, and packs ids for its stored form.

#include "mask/head.h"

#include <algorithm>
#include <bit>
#include <string>

#include "kitsink/hash.h"

namespace kitsink {
namespace {

constexpr uint8_t kStoredFlag = 0x80;

Error HeadError(Code code, const std::string& what, uint64_t got, const std::string& expected, size_t at) {
  return Error{code, "stream m: " + what + " " + std::to_string(got) + ", expected " + expected + ", at byte " +
                         std::to_string(at)};
}

Error LimitError(const std::string& what, uint64_t got, uint64_t limit) {
  return Error{Code::kLimit, what + " " + std::to_string(got) + ", limit " + std::to_string(limit)};
}

}  // namespace

Status CheckClipSize(uint64_t width, uint64_t height, uint64_t count, uint64_t num_classes, const Limits& limits) {
  if (width == 0 || height == 0 || count == 0) {
    return Error{Code::kInvalidArgument, "class maps of " + std::to_string(width) + "x" + std::to_string(height) +
                                             ", count " + std::to_string(count) + ", expected at least 1"};
  }
  if (num_classes < 2)
    return Error{Code::kInvalidArgument, "classes " + std::to_string(num_classes) + ", expected 2 or more"};
  if (width > limits.max_dimension) return LimitError("width of the class maps", width, limits.max_dimension);
  if (height > limits.max_dimension) return LimitError("height of the class maps", height, limits.max_dimension);
  if (count > limits.max_pairs) return LimitError("class maps", count, limits.max_pairs);
  if (num_classes > limits.max_classes) return LimitError("classes", num_classes, limits.max_classes);
  const uint64_t bytes = width * height * count;
  if (bytes > limits.max_map_bytes) return LimitError("pixels of the class maps", bytes, limits.max_map_bytes);
  return Ok();
}

Status CheckClassIds(std::span<const uint8_t> ids, uint32_t num_classes) {
  const auto bad = std::ranges::find_if(ids, [&](uint8_t id) { return id >= num_classes; });
  if (bad == ids.end()) return Ok();
  return Error{Code::kInvalidArgument, "class id " + std::to_string(*bad) + ", expected below " +
                                           std::to_string(num_classes) + ", at pixel " +
                                           std::to_string(bad - ids.begin())};
}

Result<MaskHead> HeadOf(const MaskClip& clip, int level, const Limits& limits) {
  KIT_TRY(CheckClipSize(clip.width, clip.height, clip.count, clip.num_classes, limits));
  MaskHead head;
  head.level = level;
  head.width = clip.width;
  head.height = clip.height;
  head.count = clip.count;
  head.num_classes = clip.num_classes;
  if (clip.ids.size() != head.clip_bytes()) {
    return Error{Code::kInvalidArgument, "class maps hold " + std::to_string(clip.ids.size()) + " ids, expected " +
                                             std::to_string(head.clip_bytes())};
  }
  KIT_TRY(CheckClassIds(clip.ids, clip.num_classes));
  return head;
}

void WriteMaskHead(const MaskHead& head, ByteWriter& writer) {
  ByteWriter fields;
  fields.U8(static_cast<uint8_t>(head.version));
  fields.U8(static_cast<uint8_t>(head.level | (head.stored ? kStoredFlag : 0)));
  fields.U16(static_cast<uint16_t>(head.width));
  fields.U16(static_cast<uint16_t>(head.height));
  fields.U16(static_cast<uint16_t>(head.count));
  fields.U8(static_cast<uint8_t>(head.num_classes));
  fields.U8(static_cast<uint8_t>(head.num_segments));
  fields.U32(head.maps_crc);
  const Bytes bytes = fields.Take();
  writer.Append(bytes);
  writer.U16(Crc16(bytes));
}

Result<MaskHead> ReadMaskHead(ByteReader& reader, const Limits& limits) {
  const size_t start = reader.position();
  const std::span<const uint8_t> bytes = reader.Take(kMaskHeadBytes);
  if (reader.overran())
    return Error{Code::kCorrupt, "stream m: the head ends early, expected 16 bytes, at byte " + std::to_string(start)};
  ByteReader fields(bytes);
  MaskHead head;
  head.version = fields.U8();
  if (head.version < 1 || head.version > kMaskVersion)
    return HeadError(Code::kUnsupported, "version", static_cast<uint64_t>(head.version), "1 or 2", start);
  const uint8_t level = fields.U8();
  head.level = level & ~kStoredFlag;
  head.stored = (level & kStoredFlag) != 0;
  head.width = fields.U16();
  head.height = fields.U16();
  head.count = fields.U16();
  head.num_classes = fields.U8();
  head.num_segments = fields.U8();
  head.maps_crc = fields.U32();
  const uint16_t crc = fields.U16();
  const uint16_t expected = Crc16(bytes.first(kMaskHeadBytes - 2));
  if (crc != expected)
    return HeadError(Code::kCorrupt, "checksum of the head", crc, std::to_string(expected), start + 14);
  const bool first_version = head.version == 1;
  if (head.level < 1 || head.level > (first_version ? 3 : kCtwLevel)) {
    return HeadError(Code::kUnsupported, "level", static_cast<uint64_t>(head.level),
                     first_version ? "1, 2 or 3" : "1, 2, 3 or 4 (ctw)", start + 1);
  }
  Status size = CheckClipSize(head.width, head.height, head.count, head.num_classes, limits);
  if (!size.ok()) {
    const Code code = size.error().code == Code::kLimit ? Code::kLimit : Code::kCorrupt;
    return Error{code, "stream m: " + size.error().message + ", at byte " + std::to_string(start + 2)};
  }
  const uint32_t most = head.stored ? 1 : std::min(head.count, kMaxSegments);
  if (head.num_segments < 1 || head.num_segments > most) {
    return HeadError(Code::kCorrupt, "segments", head.num_segments, "1 to " + std::to_string(most), start + 9);
  }
  return head;
}

int StoredBits(uint32_t num_classes) { return std::bit_width(num_classes - 1); }

uint64_t StoredBytes(const MaskHead& head) {
  return (head.clip_bytes() * static_cast<uint64_t>(StoredBits(head.num_classes)) + 7) / 8;
}

Bytes PackStored(std::span<const uint8_t> ids, uint32_t num_classes) {
  const int bits = StoredBits(num_classes);
  Bytes packed;
  packed.reserve(ids.size() * static_cast<size_t>(bits) / 8 + 1);
  uint32_t waiting = 0;
  int count = 0;
  for (const uint8_t id : ids) {
    waiting |= static_cast<uint32_t>(id) << count;
    for (count += bits; count >= 8; count -= 8, waiting >>= 8) packed.push_back(static_cast<uint8_t>(waiting));
  }
  if (count > 0) packed.push_back(static_cast<uint8_t>(waiting));
  return packed;
}

std::vector<uint8_t> UnpackStored(std::span<const uint8_t> packed, uint64_t count, uint32_t num_classes) {
  const int bits = StoredBits(num_classes);
  std::vector<uint8_t> ids(count);
  uint32_t waiting = 0;
  int held = 0;
  size_t at = 0;
  for (uint8_t& id : ids) {
    for (; held < bits; held += 8) waiting |= static_cast<uint32_t>(packed[at++]) << held;
    id = static_cast<uint8_t>(waiting & ((1U << bits) - 1));
    waiting >>= bits;
    held -= bits;
  }
  return ids;
}

}  // namespace kitsink
