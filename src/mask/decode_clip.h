#pragma once
// Decodes stream m with any coder that makes the decisions of BinaryDecoder.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kitsink/binary_coder.h"
#include "kitsink/hash.h"
#include "kitsink/mask.h"
#include "mask/head.h"
#include "mask/segments.h"

namespace kitsink {

// Returns the bytes of each segment. The body begins with the lengths of all segments but the last.
inline Result<std::vector<std::span<const uint8_t>>> SplitBody(const MaskHead& head, std::span<const uint8_t> body) {
  ByteReader reader(body);
  std::vector<uint32_t> sizes(head.num_segments - 1);
  for (uint32_t& size : sizes) size = reader.U32();
  std::vector<std::span<const uint8_t>> parts;
  for (const uint32_t size : sizes) {
    const size_t left = reader.remaining();
    parts.push_back(reader.Take(size));
    if (reader.overran()) {
      return Error{Code::kCorrupt, "stream m: segment of " + std::to_string(size) + " bytes, expected at most " +
                                       std::to_string(left) + ", at byte " + std::to_string(kMaskHeadBytes)};
    }
  }
  parts.push_back(reader.Take(reader.remaining()));
  return parts;
}

// Decodes one segment by a MapCoder or CtwCoder and appends its maps to `ids`. `end` is the byte offset of the
// segment's end, for messages. A Coder that counts bits is told where each motion and each map ends.
template <template <typename> typename Maps, typename Coder>
Status DecodeSegment(const MaskHead& head, size_t index, size_t end, SharedProgress& progress,
                     std::vector<uint8_t>& ids, Coder coder) {
  Maps<Coder> maps(ShapeOf(head), std::move(coder));
  const Segment segment = SegmentOf(head, index);
  for (size_t i = segment.begin; i < segment.end; ++i) {
    maps.StartMap();
    maps.CodeMotion(Motion{});
    if constexpr (CountsBits<Coder>) maps.coder().ChargeMotion();
    maps.CodeMap(nullptr);
    if constexpr (CountsBits<Coder>) maps.coder().EndMap();
    if (maps.coder().failed()) {
      return Error{Code::kCorrupt, "stream m: ends early in map " + std::to_string(i) + ", expected " +
                                       std::to_string(head.count) + " maps, at byte " + std::to_string(end)};
    }
    for (int y = 0; y < maps.map().height; ++y) {
      const uint8_t* row = maps.map().ids.Row(y);
      ids.insert(ids.end(), row, row + head.width);
    }
    if (!progress.Advance()) return Error{Code::kInterrupted, "interrupted"};
  }
  const size_t unread = maps.coder().unread();
  if (unread != 0) {
    return Error{Code::kCorrupt, "stream m: " + std::to_string(unread) + " bytes left over, expected none, at byte " +
                                     std::to_string(end - unread)};
  }
  return Ok();
}

// make_coder(i, part) returns the coder of segment i.
template <typename MakeCoder>
Status DecodeSegments(const MaskHead& head, std::span<const uint8_t> body, int threads, Progress& progress,
                      const MakeCoder& make_coder, std::vector<uint8_t>& ids) {
  KIT_ASSIGN(const std::vector<std::span<const uint8_t>> parts, SplitBody(head, body));
  progress.Begin("decode class maps", head.count, "maps");
  SharedProgress shared(progress);
  // Memory is reserved, not filled: pages of maps that a hostile header declares but does not hold are never touched.
  // The clip is the vector of the first segment; the others are appended.
  std::vector<std::vector<uint8_t>> pieces(parts.size());
  pieces.front().reserve(head.clip_bytes());
  KIT_TRY(RunSegments(parts.size(), threads, [&](size_t i) {
    const auto end = static_cast<size_t>(parts[i].data() + parts[i].size() - body.data()) + kMaskHeadBytes;
    if (i > 0) pieces[i].reserve((SegmentOf(head, i).end - SegmentOf(head, i).begin) * head.width * head.height);
    if (head.level == kCtwLevel) {
      return DecodeSegment<CtwCoder>(head, i, end, shared, pieces[i], make_coder(i, parts[i]));
    }
    return DecodeSegment<MapCoder>(head, i, end, shared, pieces[i], make_coder(i, parts[i]));
  }));
  progress.End();
  ids = std::move(pieces.front());
  for (size_t i = 1; i < pieces.size(); ++i) {
    ids.insert(ids.end(), pieces[i].begin(), pieces[i].end());
    pieces[i] = {};
  }
  return Ok();
}

template <typename MakeCoder>
Result<MaskClip> DecodeClip(std::span<const uint8_t> stream, int threads, const Limits& limits, Progress& progress,
                            const MakeCoder& make_coder) {
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
    KIT_TRY(DecodeSegments(head, body, threads, progress, make_coder, clip.ids));
  }
  const uint32_t crc = Crc32(clip.ids, 0);
  if (crc != head.maps_crc) {
    return Error{Code::kCorrupt, "stream m: checksum of the maps " + std::to_string(crc) + ", expected " +
                                     std::to_string(head.maps_crc) + ", at byte 10"};
  }
  // A stored id may be out of range although a forged checksum matches.
  const auto bad = std::ranges::find_if(clip.ids, [&](uint8_t id) { return id >= head.num_classes; });
  if (bad != clip.ids.end()) {
    return Error{Code::kCorrupt, "stream m: class id " + std::to_string(*bad) + ", expected below " +
                                     std::to_string(head.num_classes) + ", at pixel " +
                                     std::to_string(bad - clip.ids.begin())};
  }
  return clip;
}

}  // namespace kitsink
