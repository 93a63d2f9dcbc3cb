#pragma once
// Threads: how many, and work shared among them.

#include <cstddef>
#include <filesystem>
#include <functional>

#include "kitsink/result.h"

namespace kitsink {

// The processors that this process may use, at least 1: those of its affinity mask, or fewer where the quota of its
// control group (a container's limit) is smaller; a quota of 1.5 counts as 2.
int CountProcessors();
// The quota alone, infinite when there is none. `system_root` is "/" but for tests.
double ProcessorQuota(const std::filesystem::path& system_root);

// Calls item(worker, index) for index 0 .. count - 1. Items start in this order, up to `at_once` run at a time. Worker
// w, 0 .. at_once - 1, is one thread; worker 0 is the caller's. After an error no further item starts. Returns the
// first error once all running items have ended.
Status RunAtOnce(size_t count, int at_once, const std::function<Status(size_t worker, size_t index)>& item);

}  // namespace kitsink
