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

// Encodes all maps as one segment. A second segment would start with an untrained model, which costs 1 %.
template <template <typename> typename Maps>
Result<Bytes> EncodeMaps(const MaskClip& clip, const MaskHead& head, Progress& progress) {
  progress.Begin("encode class maps", clip.count, "maps");
  Motion motion = FindCamera(clip.ids, static_cast<int>(clip.width), static_cast<int>(clip.height), clip.count);
  Maps<BinaryEncoder> maps(ShapeOf(head), BinaryEncoder());
  for (size_t i = 0; i < clip.count; ++i) {
    maps.StartMap();
    if (i > 0) motion = FindMotion(clip.map(i).data(), maps.previous(), motion);
    maps.CodeMotion(motion);
    maps.CodeMap(clip.map(i).data());
    progress.Update(i + 1, "");
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted"};
  }
  progress.End();
  return maps.coder().FinishWhole();
}

Result<Bytes> Encode(const MaskClip& clip, const MaskOptions& options, const Limits& limits, Progress& progress) {
  if (options.level < 1 || options.level > kCtwLevel) {
    return Error{Code::kInvalidArgument, "level " + std::to_string(options.level) + ", expected 1, 2, 3 or 4 (ctw)"};
  }
  KIT_ASSIGN(MaskHead head, HeadOf(clip, options.level, limits));
  head.maps_crc = Crc32(clip.ids, 0);

  const auto encode = head.level == kCtwLevel ? EncodeMaps<CtwCoder> : EncodeMaps<MapCoder>;
  KIT_ASSIGN(Bytes body, encode(clip, head, progress));
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
