#pragma once
// Running another program for a limited time.

#include <string>
#include <vector>

#include "kitsink/log.h"
#include "kitsink/result.h"

namespace kitsink {

struct ChildOutcome {
  bool timed_out = false;
  int exit_code = 0;  // 128 + signal when a signal ended it
  double seconds = 0;
};

// Runs `command` (found on PATH) in a process group of its own, with an empty standard input and its standard output
// on our standard error. At the limit, when the user interrupts, and for what the program leaves running, the whole
// group is stopped. kIo when it cannot be started, kInterrupted when the user asks to stop.
Result<ChildOutcome> RunChild(const std::vector<std::string>& command, double limit_seconds, const Progress& progress);

}  // namespace kitsink
