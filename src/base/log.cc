// Writes log lines to stderr through spdlog.

#include "kitsink/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace kitsink {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    const char* const no_color = std::getenv("NO_COLOR");
    const bool plain = no_color != nullptr && *no_color != '\0';
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(plain ? spdlog::color_mode::never
                                                                            : spdlog::color_mode::automatic);
    auto made = std::make_shared<spdlog::logger>("kitsink", sink);
    // On a terminal the current line may show progress; the message replaces it.
    made->set_pattern(isatty(STDERR_FILENO) != 0 ? "\r\033[Kkitsink: %^%l%$: %v" : "kitsink: %^%l%$: %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *logger;
}

class Silent final : public Progress {
 public:
  void Begin(std::string_view, uint64_t, std::string_view) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  bool stop_requested() const override { return false; }
};

}  // namespace

void SetLogLevel(LogLevel lowest) { Logger().set_level(ToSpdlog(lowest)); }

void Log(LogLevel level, std::string_view message) { Logger().log(ToSpdlog(level), "{}", message); }

Progress& SilentProgress() {
  static Silent silent;
  return silent;
}

}  // namespace kitsink
