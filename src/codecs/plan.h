#pragma once
// How much of its planned work a stage of compress does.

#include <cstdint>
#include <string>

#include "kitsink/result.h"
#include "kitsink/run.h"

namespace kitsink {

struct WorkPlan {
  int64_t units = 0;
  const char* unit = "";       // a plural noun
  double seconds_each = 0;     // that a unit takes
  double seconds_allowed = 0;  // for all of them; may be infinite
};

// Tells what a stage will take, and returns how many of its units the allowed time allows, at least 1. Process 0
// plans. A resumed job keeps to the first plan, which it finds in its folder.
Result<int64_t> PlanUnits(const ResumeFolder& folder, const std::string& stage, const WorkPlan& plan);

// Tells what a stage will take, and whether the time limit cuts that: a warning then, or above ten minutes. `what` ends
// before the time: "carrier: about".
void LogEstimate(const std::string& what, double seconds, double seconds_left);

}  // namespace kitsink
