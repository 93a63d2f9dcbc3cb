#pragma once
// Runs another program for a limited time.

#include <string>
#include <vector>

#include "kitsink/log.h"
#include "kitsink/result.h"

namespace kitsink {

struct ChildOutcome {
  bool timed_out = false;
  int exit_code = 0;  // 128 + signal when a signal ended the program
  double seconds = 0;
};

// An environment variable and its value.
struct Setting {
  std::string name, value;
};

// Runs `command` (found on PATH) with our environment and those `settings` that it lacks, in its own process group,
// with an empty standard input, and its standard output on our standard error. Stops the whole group at the limit, when
// the user interrupts, and when the program has ended but has left processes. kIo when the program cannot be started,
// kInterrupted when the user asks to stop.
Result<ChildOutcome> RunChild(const std::vector<std::string>& command, const std::vector<Setting>& settings,
                              double limit_seconds, const Progress& progress);

}  // namespace kitsink
