#pragma once
// Runs items of work on several threads.

#include <cstddef>
#include <functional>

#include "kitsink/result.h"

namespace kitsink {

// The processors that this process may use, at least 1.
int CountProcessors();

// Calls item(worker, index) for index 0 .. count - 1. Items start in this order, up to `at_once` run at a time. Worker
// w, 0 .. at_once - 1, is one thread; worker 0 is the caller's. After an error no further item starts. Returns the
// first error once all running items have ended.
Status RunAtOnce(size_t count, int at_once, const std::function<Status(size_t worker, size_t index)>& item);

}  // namespace kitsink
