#pragma once
// CodecEngine's open() of codec video, and the frames of a scene in order.

#include <cstdint>
#include <memory>
#include <optional>

#include "codecs/video/restore.h"
#include "codecs/video/scene.h"
#include "kitsink/codec.h"
#include "kitsink/video_stream.h"

namespace kitsink::video {

// Decodes a scene's stream from its start. The scene must outlive it.
class PairDecoder {
 public:
  static Result<PairDecoder> Open(const Scene& scene, int threads);
  // The pictures of the next pair, as RGB of the stream's size. kCorrupt as StreamDecoder::Next(); after the last pair
  // also when the stream goes on.
  Result<FramePair> Next();

 private:
  PairDecoder(const Scene& scene, StreamDecoder decoder) : scene_(&scene), decoder_(std::move(decoder)) {}
  const Scene* scene_;
  StreamDecoder decoder_;
  uint32_t next_ = 0;
};

std::unique_ptr<PairSource> OpenPairs(Scene scene, const CodingContext& context);
Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context);

}  // namespace kitsink::video
