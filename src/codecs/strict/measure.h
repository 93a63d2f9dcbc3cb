#pragma once
// What a scene is worth: its archive's bytes, and the distortion of the frames that inflate makes of it.

#include <cstdint>
#include <span>

#include "codecs/measure.h"
#include "codecs/strict/scene.h"

namespace kitsink::strict {

// Encodes the scene, decodes it again and scores the result. kInternal when decoding gives another scene.
Result<MeasuredMember> MeasureScene(const Scene& scene, std::span<const Observation> targets, int mask_level,
                                    Nets& nets, uint64_t original_bytes, const CodingContext& context);

}  // namespace kitsink::strict
