// Encodes class maps as stream m.

#include <string>
#include <vector>

#include "kitsink/binary_coder.h"
#include "kitsink/hash.h"
#include "kitsink/mask.h"
#include "mask/head.h"
#include "mask/motion_search.h"
#include "mask/segments.h"

namespace kitsink {
namespace {

template <template <typename> typename Maps>
Status EncodeSegment(const MaskClip& clip, const MaskHead& head, const Motion& camera, size_t index,
                     SharedProgress& progress, Bytes& out) {
  Maps<BinaryEncoder> maps(ShapeOf(head), BinaryEncoder());
  Motion motion = camera;
  const Segment segment = SegmentOf(head, index);
  for (size_t i = segment.begin; i < segment.end; ++i) {
    maps.StartMap();
    if (i > segment.begin) motion = FindMotion(clip.map(i).data(), maps.previous(), motion);
    maps.CodeMotion(motion);
    maps.CodeMap(clip.map(i).data());
    if (!progress.Advance()) return Error{Code::kInterrupted, "interrupted"};
  }
  out = maps.coder().Finish();
  return Ok();
}

Result<Bytes> EncodeSegments(const MaskClip& clip, const MaskHead& head, int threads, Progress& progress) {
  progress.Begin("encode class maps", clip.count, "maps");
  const Motion camera = FindCamera(clip.ids, static_cast<int>(clip.width), static_cast<int>(clip.height), clip.count);
  SharedProgress shared(progress);
  std::vector<Bytes> parts(head.num_segments);
  const auto encode = head.level == kCtwLevel ? EncodeSegment<CtwCoder> : EncodeSegment<MapCoder>;
  KIT_TRY(
      RunSegments(parts.size(), threads, [&](size_t i) { return encode(clip, head, camera, i, shared, parts[i]); }));
  progress.End();
  ByteWriter body;
  for (size_t i = 0; i + 1 < parts.size(); ++i) body.U32(static_cast<uint32_t>(parts[i].size()));
  for (const Bytes& part : parts) body.Append(part);
  return body.Take();
}

Result<Bytes> Encode(const MaskClip& clip, const MaskOptions& options, const Limits& limits, Progress& progress) {
  if (options.level < 1 || options.level > kCtwLevel) {
    return Error{Code::kInvalidArgument, "level " + std::to_string(options.level) + ", expected 1, 2, 3 or 4 (ctw)"};
  }
  KIT_ASSIGN(MaskHead head, HeadOf(clip, options.level, limits));
  head.maps_crc = Crc32(clip.ids, 0);

  KIT_ASSIGN(Bytes body, EncodeSegments(clip, head, options.threads, progress));
  if (body.size() >= StoredBytes(head)) {
    head.stored = true;
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
