#pragma once
// Frames read ahead in a thread of their own, while the nets are busy with the ones before.

#include <cstddef>

#include "kitsink/score.h"

namespace kitsink {

// The same pairs in the same order; up to `depth` of them wait in memory. `source` is called from one other thread
// only, which ends when the last copy of the result is destroyed: until then whatever `source` refers to must live.
PairSource ReadAhead(PairSource source, size_t depth);

}  // namespace kitsink
