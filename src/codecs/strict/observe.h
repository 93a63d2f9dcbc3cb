#pragma once
// What the first stages take from the original: its class maps and the colours of its classes.

#include <array>
#include <span>

#include "codecs/original.h"
#include "kitsink/class_maps.h"

namespace kitsink::strict {

// The class maps of all pairs.
MaskClip MapsOf(std::span<const Observation> targets);

// Mean RGB of each class, 0 .. 255; 127.5 for a class that no pixel has.
using ClassColours = std::array<std::array<float, 3>, kNumClasses>;

// Reads f1 of the context's pairs once more. `targets` are those of the same pairs.
Result<ClassColours> MeanColours(const CompressContext& context, std::span<const Observation> targets);

}  // namespace kitsink::strict
