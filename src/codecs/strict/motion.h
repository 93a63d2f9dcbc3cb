#pragma once
// f0 as f1's picture under an affine motion (FORMAT.md, "Frames").

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/strict/scene.h"

namespace kitsink::strict {

// Moves a picture of interleaved RGB floats. Output pixel (x, y) reads bilinearly at (x + dx, y + dy), at the edge
// where that is outside, with
//   dx = (terms[0] + terms[1] * X + terms[2] * Y) / 256,  dy = (terms[3] + terms[4] * X + terms[5] * Y) / 256
// where X and Y go from -1 to 1 over 512 columns and rows around the centre. The bits are the same on every machine.
// REQUIRES: kMotionTerms terms.
std::vector<float> MovePicture(std::span<const float> picture, FrameSize size, std::span<const int16_t> terms);

}  // namespace kitsink::strict
