// Divides a time limit among groups of work.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "kitsink/log.h"
#include "kitsink/run.h"

namespace kitsink {
namespace {

// Share of the time limit that is reserved for joining and hashing the output.
constexpr double kReserve = 0.05;

}  // namespace

std::string FormatClock(double seconds) {
  const long total = std::lround(std::max(seconds, 0.0));
  char text[32];
  std::snprintf(text, sizeof(text), "%ld:%02ld:%02ld", total / 3600, total / 60 % 60, total % 60);
  return text;
}

Watchdog::Share Watchdog::Next(uint32_t planned, uint64_t groups_left) {
  if (limit_ <= 0) return {planned};
  const double now = clock_.seconds();
  const double left = std::max(limit_ * (1 - kReserve) - now, 0.0);
  const double other = groups_ == 0 ? 0 : other_seconds_ / static_cast<double>(groups_);
  if (planned == 0) {
    const double mean = groups_ == 0 ? 0 : (other_seconds_ + step_seconds_) / static_cast<double>(groups_);
    const double needed = static_cast<double>(groups_left) * mean;
    if (needed > left && !std::exchange(warned_, true)) {
      Log(LogLevel::kWarning, "render: the pairs left need " + FormatClock(needed) + ", the time limit leaves " +
                                  FormatClock(left) + ": nothing can be left out, so the job will end late");
    }
    return {};
  }
  const double share = std::max(left / static_cast<double>(groups_left) - other, 0.0);
  const double end = now + share;
  const auto warn = [&](const std::string& need) {
    if (std::exchange(warned_, true)) return;
    Log(LogLevel::kWarning,
        "search: " + need + ", the time limit leaves " + FormatClock(left) + ": the pairs left get fewer steps");
  };
  if (steps_ == 0) {
    if (share <= 0 || groups_ > 0) warn("no step could be measured");
    return {share > 0 ? planned : 0, end};
  }
  const double step_seconds = step_seconds_ / static_cast<double>(steps_);
  const double needed = static_cast<double>(groups_left) * (other + step_seconds * planned);
  if (needed > left) {
    warn("the plan needs " + FormatClock(needed) + " more at " + std::to_string(step_seconds) + " s a step");
  }
  return {static_cast<uint32_t>(std::min<double>(planned, share / step_seconds)), end};
}

void Watchdog::Learn(uint32_t steps, double step_seconds, double other_seconds) {
  ++groups_;
  steps_ += steps;
  step_seconds_ += step_seconds;
  other_seconds_ += other_seconds;
}

}  // namespace kitsink
