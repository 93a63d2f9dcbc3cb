#pragma once
// Reads frames ahead in a thread of its own, while the nets process earlier frames.

#include <cstddef>

#include "kitsink/scorer.h"

namespace kitsink {

// Gives the same pairs in the same order; up to `depth` of them wait in memory. Only one other thread calls `stream`.
// It ends when the last copy of the result is destroyed; until then everything that `stream` refers to must exist.
PairStream ReadAhead(PairStream stream, size_t depth);

}  // namespace kitsink
