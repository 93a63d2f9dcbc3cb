// Decodes stream m, and reads its header.

#include "mask/decode_clip.h"

namespace kitsink {

Result<MaskClip> DecodeMask(std::span<const uint8_t> stream, int threads, const Limits& limits, Progress& progress) {
  const auto plain = [](size_t, std::span<const uint8_t> part) { return BinaryDecoder(part); };
  Result<MaskClip> clip = DecodeClip(stream, threads, limits, progress, plain);
  if (!clip.ok()) return Within("mask", clip.error());
  return clip;
}

Result<MaskInfo> ReadMaskInfo(std::span<const uint8_t> stream, const Limits& limits) {
  ByteReader reader(stream);
  const Result<MaskHead> head = ReadMaskHead(reader, limits);
  if (!head.ok()) return Within("mask", head.error());
  const MaskHead& h = head.value();
  return MaskInfo{h.width, h.height, h.count, h.num_classes, h.version, h.level, h.stored};
}

}  // namespace kitsink
