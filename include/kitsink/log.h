#pragma once
// Messages and progress. The libraries report through these; only the command prints.

#include <cstdint>
#include <string>
#include <string_view>

namespace kitsink {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Log() writes one line to stderr through spdlog. SetLogLevel() hides messages below `lowest`; the default is kWarning.
void SetLogLevel(LogLevel lowest);
void Log(LogLevel level, std::string_view message);

// Receives the progress of a long job. A job calls it from one thread only.
class Progress {
 public:
  virtual ~Progress() = default;
  // A stage ("search", "fit") of `total` units begins; `unit` is a plural noun ("pairs", "steps").
  virtual void Begin(std::string_view stage, uint64_t total, std::string_view unit) = 0;
  // `done` units of the stage are complete; `note` is a short remark such as "seg 0.0031 pose 0.012", or empty.
  virtual void Update(uint64_t done, std::string_view note) = 0;
  virtual void End() = 0;
  // True once the user has asked to stop. Long loops then soon return kInterrupted.
  virtual bool stop_requested() const = 0;
};

// A Progress that shows nothing and never asks to stop.
Progress& SilentProgress();

}  // namespace kitsink
