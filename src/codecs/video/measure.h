#pragma once
// The score of a scene through the bytes of its archive.

#include <cstdint>
#include <span>

#include "codecs/measure.h"
#include "codecs/video/scene.h"

namespace kitsink::video {

// Encodes the scene, decodes it again and scores the result. kInternal when decoding gives another scene.
Result<MeasuredMember> MeasureScene(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                    uint64_t original_bytes, const CodingContext& context);

}  // namespace kitsink::video
