#include <algorithm>
#include <string>
#include <vector>

#include "kitsink/binary_coder.h"
#include "kitsink/hash.h"
#include "kitsink/mask.h"
#include "mask/head.h"
#include "mask/motion_search.h"
#include "mask/pipeline.h"

namespace kitsink {
namespace {

// The row that halves the work, which lies where classes meet.
uint32_t ChooseSplit(const MaskClip& clip, int level) {
  constexpr uint32_t kMinHeight = 64;
  constexpr uint64_t kMinPixels = 1 << 22;  // each band learns anew, which a small clip cannot afford
  if (level == 3 || clip.height < kMinHeight || clip.ids.size() < kMinPixels) return 0;
  constexpr uint32_t kProbes = 16;
  std::vector<uint64_t> edges(clip.height);
  for (uint32_t i = 0; i < kProbes; ++i) {
    const std::span<const uint8_t> map = clip.map(uint64_t{i} * clip.count / kProbes);
    for (uint32_t y = 0; y < clip.height; ++y) {
      const uint8_t* row = map.data() + size_t{y} * clip.width;
      for (uint32_t x = 1; x < clip.width; ++x) edges[y] += row[x] != row[x - 1] ? 1 : 0;
      if (y == 0) continue;
      for (uint32_t x = 0; x < clip.width; ++x)
        edges[y] += row[x] != row[static_cast<ptrdiff_t>(x) - clip.width] ? 1 : 0;
    }
  }
  uint64_t total = 0, sum = 0;
  for (const uint64_t count : edges) total += count;
  uint32_t split = 0;
  while (split < clip.height - 1 && sum * 2 < total) sum += edges[split++];
  return std::max(split, uint32_t{1});
}

Result<Bytes> EncodeBands(const MaskClip& clip, const MaskHead& head, int threads, Progress& progress) {
  const ClipShape shape = ShapeOf(head);
  std::vector<BandCoder<BinaryEncoder>> bands;
  for (const RowWindow band : BandsOf(shape.height, static_cast<int>(head.split))) {
    bands.emplace_back(shape, band, BinaryEncoder());
  }
  progress.Begin("encode class maps", clip.count, "maps");
  const Motion camera = FindCamera(clip.ids, shape.width, shape.height, clip.count);
  Motion last = camera;
  const auto prepare = [&](size_t i, BandCoder<BinaryEncoder>& upper) {
    if (i > 0) last = FindMotion(clip.map(i).data(), upper.previous(), last);
    upper.CodeMotion(last);
  };
  const auto done = [&](size_t i, const MapTables&) { progress.Update(i + 1, ""); };
  KIT_TRY(CodeMaps(
      bands, clip.count, threads, progress, prepare, [&](size_t i) { return clip.map(i).data(); }, done));
  progress.End();
  const Bytes first = bands.front().coder().Finish();
  if (bands.size() == 1) return first;
  ByteWriter body;
  body.U32(static_cast<uint32_t>(first.size()));
  body.Append(first);
  body.Append(bands.back().coder().Finish());
  return body.Take();
}

Result<Bytes> Encode(const MaskClip& clip, const MaskOptions& options, const Limits& limits, Progress& progress) {
  KIT_TRY(CheckClipSize(clip.width, clip.height, clip.count, clip.num_classes, limits));
  if (options.level < 1 || options.level > 3) {
    return Error{Code::kInvalidArgument, "level " + std::to_string(options.level) + ", expected 1, 2 or 3"};
  }
  MaskHead head;
  head.level = options.level;
  head.width = clip.width;
  head.height = clip.height;
  head.count = clip.count;
  head.num_classes = clip.num_classes;
  if (clip.ids.size() != head.clip_bytes()) {
    return Error{Code::kInvalidArgument, "class maps hold " + std::to_string(clip.ids.size()) + " ids, expected " +
                                             std::to_string(head.clip_bytes())};
  }
  const auto bad = std::ranges::find_if(clip.ids, [&](uint8_t id) { return id >= clip.num_classes; });
  if (bad != clip.ids.end()) {
    return Error{Code::kInvalidArgument, "class id " + std::to_string(*bad) + ", expected below " +
                                             std::to_string(clip.num_classes) + ", at pixel " +
                                             std::to_string(bad - clip.ids.begin())};
  }
  head.maps_crc = Crc32(clip.ids, 0);

  head.split = ChooseSplit(clip, options.level);
  KIT_ASSIGN(Bytes body, EncodeBands(clip, head, options.threads, progress));
  if (body.size() >= StoredBytes(head)) {
    head.stored = true;
    head.split = 0;
    body = PackStored(clip.ids, clip.num_classes);
  }
  ByteWriter writer;
  WriteMaskHead(head, writer);
  writer.Append(body);
  return writer.Take();
}

}  // namespace

Result<Bytes> EncodeMask(const MaskClip& clip, const MaskOptions& options, const Limits& limits, Progress& progress) {
  Result<Bytes> stream = Encode(clip, options, limits, progress);
  if (!stream.ok()) return Within("mask", stream.error());
  return stream;
}

}  // namespace kitsink
