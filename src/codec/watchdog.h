#pragma once
// Holds a search to the wall-clock limit that the user set.

#include <cstdint>
#include <limits>
#include <string>

#include "codec/stopwatch.h"

namespace kitsink {

// Measures seconds per step and shares what is left of the limit among the groups that are left, so that every pair
// gets frames and the later ones fewer steps rather than none. Not synchronised, but for Expired.
class Watchdog {
 public:
  // The clock starts here. A limit of 0 is none.
  explicit Watchdog(double limit_seconds) : limit_(limit_seconds) {}
  // What the next group may use.
  struct Share {
    uint32_t steps = 0;
    double end = std::numeric_limits<double>::infinity();  // on this clock
  };
  // As many of its planned steps as there is time for, where `groups_left`, it included, follow one another. Warns
  // once, as soon as the plan will not do.
  Share Next(uint32_t planned, uint64_t groups_left);
  bool Expired(const Share& share) const { return clock_.seconds() >= share.end; }
  // The group took `steps`; seconds spent on them, and on all else (rendering, judging, writing).
  void Learn(uint32_t steps, double step_seconds, double other_seconds);

 private:
  double limit_;
  Stopwatch clock_;
  uint64_t groups_ = 0, steps_ = 0;
  double step_seconds_ = 0, other_seconds_ = 0;
  bool warned_ = false;
};

// "1:02:03"
std::string FormatClock(double seconds);

}  // namespace kitsink
