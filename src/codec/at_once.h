#pragma once
// Several searches at once on a CPU: the nets' layers are too small to keep many threads busy.

#include <cstddef>
#include <functional>

#include "kitsink/nets.h"
#include "kitsink/result.h"

namespace kitsink {

struct SearchThreads {
  int at_once = 1;  // searches
  int each = 1;     // threads of one search
};

// Shares out `threads`. Up to four, each search has one, so that what it finds does not depend on their number.
SearchThreads ShareThreads(const Device& device, int threads);

// Calls item(worker, index) for every index below `count`, in this order but up to `at_once` at a time, each from the
// thread of its worker, 0 .. at_once - 1. After an error no other begins; the first is returned when all have ended.
Status RunAtOnce(size_t count, int at_once, const std::function<Status(size_t worker, size_t index)>& item);

}  // namespace kitsink
