#pragma once
// The contest's colour conversion from 4:2:0 to RGB, on planes that the caller owns.

#include <cstddef>
#include <cstdint>

#include "kitsink/frame.h"

namespace kitsink {

// Rows of samples, `stride` bytes apart. Does not own them.
struct Plane {
  const uint8_t* data = nullptr;
  ptrdiff_t stride = 0;
};

// Fills `rgb` (size.size_bytes() values). u and v hold ceil(width / 2) * ceil(height / 2) samples.
// REQUIRES: size.width > 0 and size.height > 0.
void Yuv420ToRgb(FrameSize size, Plane y, Plane u, Plane v, uint8_t* rgb);

}  // namespace kitsink
