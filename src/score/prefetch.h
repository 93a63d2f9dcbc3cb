#pragma once
// Frames read ahead in a thread of their own, while the nets are busy with the ones before.

#include <cstddef>

#include "kitsink/scorer.h"

namespace kitsink {

// The same pairs in the same order; up to `depth` of them wait in memory. `stream` is called from one other thread
// only, which ends when the last copy of the result is destroyed: until then whatever `stream` refers to must live.
PairStream ReadAhead(PairStream stream, size_t depth);

}  // namespace kitsink
