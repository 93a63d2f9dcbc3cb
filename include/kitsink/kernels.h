#pragma once
// Image kernels whose bits no compiler, processor or thread count changes. Today: camera frames that the scorer's
// resize turns into a wanted picture on the model grid.

#include <span>

#include "kitsink/frame.h"

namespace kitsink {

// True when the scorer's resize gives every model pixel four camera pixels that no other model pixel reads: both
// scales are at least 2 (the contest's are 2.276 and 2.273). Only then does an arbitrary picture have a pre-image.
bool HasPrivateTaps(FrameSize size);

// A frame whose resize to kModelGrid is `picture` (planar RGB, 3 x 384 x 512, any float; clamped to 0 .. 255) up to
// a mean error of about 0.03 grey levels: the four taps of a pixel are floor(value) plus the best of {-1, 0, 1}^4.
// Pixels that no net reads repeat their nearest read neighbour. REQUIRES: HasPrivateTaps(size).
Frame WritePreimage(std::span<const float> picture, FrameSize size);

}  // namespace kitsink
