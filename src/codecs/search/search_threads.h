#pragma once
// Several searches at once on a CPU: the nets' layers are too small to keep many threads busy.

#include "kitsink/nets.h"

namespace kitsink::search {

struct SearchThreads {
  int at_once = 1;  // searches
  int each = 1;     // threads of one search
};

// Shares out `threads`, 1 or more. Up to four, each search has one, so that what it finds does not depend on their
// number.
SearchThreads ShareThreads(const Device& device, int threads);

}  // namespace kitsink::search
