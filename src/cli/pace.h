#pragma once
// How fast a stage of a job goes.

#include <cstdint>

namespace kitsink {

// Units a second, over the last half of the stage to the last three quarters. Units that an earlier run of the job made
// pass at once when it is resumed; so they are soon left out.
class Pace {
 public:
  // `seconds` since the stage began and units done since then; neither ever falls. 0 before the first unit.
  double Update(double seconds, uint64_t done) {
    if (seconds >= 2 * newer_.seconds) {
      older_ = newer_;
      newer_ = {seconds, done};
    }
    const double span = seconds - older_.seconds;
    return span > 0 ? static_cast<double>(done - older_.done) / span : 0;
  }

 private:
  struct Sample {
    double seconds = 0;
    uint64_t done = 0;
  };
  Sample older_, newer_;
};

}  // namespace kitsink
