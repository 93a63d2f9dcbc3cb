#pragma once
// Image kernels that give the same bits with every compiler, processor and thread count. Today: camera frames that the
// scorer's resize turns into a wanted picture on the model grid.

#include <span>

#include "kitsink/frame.h"

namespace kitsink {

// True when the scorer's resize gives every model pixel four camera pixels that no other model pixel reads: both
// scales are at least 2 (the contest's are 2.276 and 2.273). Only then does an arbitrary picture have a pre-image.
bool HasPrivateTaps(FrameSize size);

// A frame whose resize to kModelGrid is `picture` up to a mean error of about 0.03 grey levels. `picture` is planar
// RGB, 3 x 384 x 512 floats, clamped to 0 .. 255. The four taps of a model pixel are floor(value) plus the best of
// {-1, 0, 1}^4. Camera pixels that the resize does not read copy their nearest neighbour that it reads.
// REQUIRES: HasPrivateTaps(size).
Frame WritePreimage(std::span<const float> picture, FrameSize size);

}  // namespace kitsink
