#pragma once
// What a scene is worth: its archive's bytes, and the distortion of the frames that inflate makes of it.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "codecs/strict/scene.h"
#include "kitsink/codec.h"
#include "kitsink/nets.h"
#include "kitsink/score.h"

namespace kitsink::strict {

struct MeasuredScene {
  Member member;
  Score score;
};

// Encodes the scene, decodes it again, renders every pair and scores it against the targets as `kitsink score` does, to
// the last digit. kInternal when decoding gives another scene.
Result<MeasuredScene> MeasureScene(const Scene& scene, std::span<const Observation> targets, int mask_level, Nets& nets,
                                   uint64_t original_bytes, const CodingContext& context);

}  // namespace kitsink::strict
