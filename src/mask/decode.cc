#include <algorithm>
#include <string>
#include <vector>

#include "kitsink/binary_coder.h"
#include "kitsink/hash.h"
#include "kitsink/mask.h"
#include "mask/head.h"
#include "mask/pipeline.h"

namespace kitsink {
namespace {

// The coded bytes of each band, upper first.
Result<std::vector<std::span<const uint8_t>>> SplitBody(const MaskHead& head, std::span<const uint8_t> body) {
  if (head.split == 0) return std::vector{body};
  ByteReader reader(body);
  const uint32_t size = reader.U32();
  const std::span<const uint8_t> upper = reader.Take(size);
  if (reader.overran()) {
    return Error{Code::kCorrupt, "stream m: upper band of " + std::to_string(size) + " bytes, expected at most " +
                                     std::to_string(body.size()) + ", at byte " + std::to_string(kMaskHeadBytes)};
  }
  return std::vector{upper, reader.Take(reader.remaining())};
}

Status DecodeBands(const MaskHead& head, std::span<const uint8_t> body, int threads, Progress& progress,
                   std::vector<uint8_t>& ids) {
  KIT_ASSIGN(const std::vector<std::span<const uint8_t>> parts, SplitBody(head, body));
  const ClipShape shape = ShapeOf(head);
  std::vector<BandCoder<BinaryDecoder>> bands;
  for (const RowWindow band : BandsOf(shape.height, static_cast<int>(head.split))) {
    bands.emplace_back(shape, band, BinaryDecoder(parts[bands.size()]));
  }
  progress.Begin("decode class maps", head.count, "maps");
  // Reserved, not sized: pages of a clip that a hostile head only promises are never touched.
  ids.reserve(head.clip_bytes());
  const auto prepare = [](size_t, BandCoder<BinaryDecoder>& upper) { upper.CodeMotion(Motion{}); };
  const auto done = [&](size_t i, const MapTables& map) {
    for (int y = 0; y < map.height; ++y) ids.insert(ids.end(), map.ids.Row(y), map.ids.Row(y) + map.width);
    progress.Update(i + 1, "");
  };
  KIT_TRY(CodeMaps(
      bands, head.count, threads, progress, prepare, [](size_t) { return nullptr; }, done));
  progress.End();
  for (size_t i = 0; i < bands.size(); ++i) {
    const BinaryDecoder& coder = bands[i].coder();
    const auto end = static_cast<size_t>(parts[i].data() + parts[i].size() - body.data()) + kMaskHeadBytes;
    if (coder.failed()) {
      return Error{Code::kCorrupt, "stream m: ends early, got " +
                                       std::to_string(ids.size() / (head.clip_bytes() / head.count)) + " of " +
                                       std::to_string(head.count) + " maps, at byte " + std::to_string(end)};
    }
    if (coder.unread() != 0) {
      return Error{Code::kCorrupt, "stream m: " + std::to_string(coder.unread()) +
                                       " bytes left over, expected none, at byte " +
                                       std::to_string(end - coder.unread())};
    }
  }
  return Ok();
}

Result<MaskClip> Decode(std::span<const uint8_t> stream, int threads, const Limits& limits, Progress& progress) {
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
    KIT_TRY(DecodeBands(head, body, threads, progress, clip.ids));
  }
  const uint32_t crc = Crc32(clip.ids, 0);
  if (crc != head.maps_crc) {
    return Error{Code::kCorrupt, "stream m: checksum of the maps " + std::to_string(crc) + ", expected " +
                                     std::to_string(head.maps_crc) + ", at byte 11"};
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
  Result<MaskClip> clip = Decode(stream, threads, limits, progress);
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
