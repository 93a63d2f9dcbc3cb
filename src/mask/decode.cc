#include <algorithm>
#include <string>

#include "kitsink/binary_coder.h"
#include "kitsink/hash.h"
#include "kitsink/mask.h"
#include "mask/head.h"
#include "mask/map_coder.h"

namespace kitsink {
namespace {

Status DecodeCoded(const MaskHead& head, std::span<const uint8_t> body, Progress& progress, MaskClip& clip) {
  BinaryDecoder coder(body);
  MapCoder<BinaryDecoder> maps(static_cast<int>(head.width), static_cast<int>(head.height),
                               static_cast<int>(head.num_classes), coder);
  // Reserved, not sized: pages of a clip that a hostile head only promises are never touched.
  clip.ids.reserve(head.clip_bytes());
  for (uint32_t i = 0; i < head.count; ++i) {
    if (progress.stop_requested()) return Error{Code::kIo, "interrupted"};
    maps.CodeMap(nullptr);
    if (coder.failed()) {
      return Error{Code::kCorrupt, "stream m: ends early, got " + std::to_string(i) + " of " +
                                       std::to_string(head.count) + " maps, at byte " +
                                       std::to_string(kMaskHeadBytes + body.size())};
    }
    for (int y = 0; y < maps.map().height; ++y) {
      const uint8_t* row = maps.map().ids.Row(y);
      clip.ids.insert(clip.ids.end(), row, row + head.width);
    }
    progress.Update(i + 1, "");
  }
  if (coder.unread() != 0) {
    return Error{Code::kCorrupt, "stream m: " + std::to_string(coder.unread()) +
                                     " bytes left over, expected none, at byte " +
                                     std::to_string(kMaskHeadBytes + body.size() - coder.unread())};
  }
  return Ok();
}

Result<MaskClip> Decode(std::span<const uint8_t> stream, const Limits& limits, Progress& progress) {
  ByteReader reader(stream);
  KIT_ASSIGN(const MaskHead head, ReadMaskHead(reader, limits));
  MaskClip clip;
  clip.width = head.width;
  clip.height = head.height;
  clip.count = head.count;
  clip.num_classes = head.num_classes;
  const std::span<const uint8_t> body = stream.subspan(kMaskHeadBytes);
  if (head.stored) {
    if (body.size() != StoredBytes(head)) {
      return Error{Code::kCorrupt, "stream m: stored maps of " + std::to_string(body.size()) + " bytes, expected " +
                                       std::to_string(StoredBytes(head)) + ", at byte " +
                                       std::to_string(kMaskHeadBytes)};
    }
    clip.ids = UnpackStored(body, head.clip_bytes(), head.num_classes);
  } else {
    progress.Begin("decode class maps", head.count, "maps");
    KIT_TRY(DecodeCoded(head, body, progress, clip));
    progress.End();
  }
  const uint32_t crc = Crc32(clip.ids, 0);
  if (crc != head.maps_crc) {
    return Error{Code::kCorrupt, "stream m: checksum of the maps " + std::to_string(crc) + ", expected " +
                                     std::to_string(head.maps_crc) + ", at byte 10"};
  }
  // A stored id may lie outside the classes and still agree with a forged checksum.
  const auto bad = std::ranges::find_if(clip.ids, [&](uint8_t id) { return id >= head.num_classes; });
  if (bad != clip.ids.end()) {
    return Error{Code::kCorrupt, "stream m: class id " + std::to_string(*bad) + ", expected below " +
                                     std::to_string(head.num_classes) + ", at pixel " +
                                     std::to_string(bad - clip.ids.begin())};
  }
  return clip;
}

}  // namespace

Result<MaskClip> DecodeMask(std::span<const uint8_t> stream, int threads, const Limits& limits, Progress& progress) {
  static_cast<void>(threads);
  Result<MaskClip> clip = Decode(stream, limits, progress);
  if (!clip.ok()) return Within("mask", clip.error());
  return clip;
}

Result<MaskInfo> ReadMaskInfo(std::span<const uint8_t> stream, const Limits& limits) {
  ByteReader reader(stream);
  const Result<MaskHead> head = ReadMaskHead(reader, limits);
  if (!head.ok()) return Within("mask", head.error());
  const MaskHead& h = head.value();
  return MaskInfo{h.width, h.height, h.count, h.num_classes, kMaskVersion, h.level};
}

}  // namespace kitsink
