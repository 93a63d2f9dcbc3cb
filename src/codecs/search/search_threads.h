#pragma once
// Runs several searches at once on a CPU, because the nets' layers are too small to keep many threads busy.

#include "kitsink/nets.h"

namespace kitsink::search {

struct SearchThreads {
  int at_once = 1;  // searches
  int each = 1;     // threads of one search
};

// Divides `threads`, 1 or more, among searches. Up to four threads, each search has one, so that its result does not
// depend on their number.
SearchThreads ShareThreads(const Device& device, int threads);

}  // namespace kitsink::search
