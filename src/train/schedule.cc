// Computes the learning rate of a step.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kitsink/train.h"

namespace kitsink {

double RateAt(const Schedule& schedule, int64_t step, int64_t steps) {
  const auto s = static_cast<double>(step), all = static_cast<double>(steps);
  const double rising = schedule.warm_up * all;
  const double risen_after = std::max(1.0, rising);
  const double rise = schedule.first > 0 ? schedule.first + s / risen_after : (s + 1) / risen_after;
  const auto fall = [&schedule](double x) {
    return schedule.floor + (1 - schedule.floor) * 0.5 * (1 + std::cos(std::numbers::pi * x));
  };
  if (schedule.fall == Schedule::Fall::kFromStart) return schedule.peak * std::min(1.0, rise) * fall(s / all);
  return schedule.peak * (s < rising ? rise : fall((s - rising) / (all - rising)));
}

}  // namespace kitsink
