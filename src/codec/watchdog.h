#pragma once
// Holds a search to the wall-clock limit that the user set.

#include <cstdint>
#include <limits>
#include <string>

#include "codec/stopwatch.h"

namespace kitsink {

// Measures seconds per step and shares what is left of the limit among the groups that are left, so that every pair
// gets frames and the later ones fewer steps rather than none.
class Watchdog {
 public:
  // The clock starts here. A limit of 0 is none.
  explicit Watchdog(double limit_seconds) : limit_(limit_seconds) {}
  // How many of the next group's planned steps there is time for; `groups_left` includes it. Warns once, as soon as
  // the plan will not do.
  uint32_t Steps(uint32_t planned, uint64_t groups_left);
  // True when the group in progress has used its share of the time.
  bool Expired() const { return limit_ > 0 && clock_.seconds() >= group_end_; }
  // The group took `steps`; seconds spent on them, and on all else (rendering, judging, writing).
  void Learn(uint32_t steps, double step_seconds, double other_seconds);

 private:
  double limit_;
  Stopwatch clock_;
  double group_end_ = std::numeric_limits<double>::infinity();
  uint64_t groups_ = 0, steps_ = 0;
  double step_seconds_ = 0, other_seconds_ = 0;
  bool warned_ = false;
};

// "1:02:03"
std::string FormatClock(double seconds);

}  // namespace kitsink
