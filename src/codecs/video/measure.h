#pragma once
// The score of a scene through the bytes of its archive.

#include <span>

#include "codecs/video/scene.h"
#include "kitsink/codec.h"
#include "kitsink/nets.h"
#include "kitsink/score.h"

namespace kitsink::video {

struct MeasuredScene {
  Member member;
  Score score;
};
// Encodes the scene, decodes it again, compares, restores all frames, and lets the nets read them. kInternal when the
// decoded scene differs. `targets` are those of the scene's pairs.
Result<MeasuredScene> MeasureScene(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                   uint64_t original_bytes, const CodingContext& context);

}  // namespace kitsink::video
