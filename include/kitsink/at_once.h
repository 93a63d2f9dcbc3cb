#pragma once
// Items of work on several threads.

#include <cstddef>
#include <functional>

#include "kitsink/result.h"

namespace kitsink {

// The processors that this process may use, at least 1.
int CountProcessors();


// Calls item(worker, index) for every index below `count`, in this order but up to `at_once` at a time, each from the
// thread of its worker, 0 .. at_once - 1; the caller's is worker 0's. After an error no other begins; the first is
// returned when all have ended.
Status RunAtOnce(size_t count, int at_once, const std::function<Status(size_t worker, size_t index)>& item);

}  // namespace kitsink
