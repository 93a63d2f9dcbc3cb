#pragma once
// Messages and progress: the libraries call these, only the command prints.

#include <cstdint>
#include <string>
#include <string_view>

namespace kitsink {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Writes one line to stderr through spdlog; SetLogLevel hides what lies below. Default: kWarning.
void SetLogLevel(LogLevel lowest);
void Log(LogLevel level, std::string_view message);

// Told how far a long job is. Implementations may be called from the job's thread only.
class Progress {
 public:
  virtual ~Progress() = default;
  // A stage of `total` units begins ("search", "fit"); unit is a plural noun ("pairs", "steps").
  virtual void Begin(std::string_view stage, uint64_t total, std::string_view unit) = 0;
  // `done` units of the stage are complete; `note` is a short remark such as "seg 0.0031 pose 0.012", or empty.
  virtual void Update(uint64_t done, std::string_view note) = 0;
  virtual void End() = 0;
  // True once the user has asked to stop; long loops return kInterrupted soon after.
  virtual bool stop_requested() const = 0;
};

// A Progress that shows nothing and never stops.
Progress& SilentProgress();

}  // namespace kitsink
