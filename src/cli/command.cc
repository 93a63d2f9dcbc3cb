// Implements what all verbs share: options, progress, ledger, nets and signals.

#include "cli/command.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/pace.h"
#include "kitsink/crew.h"
#include "kitsink/file.h"
#include "kitsink/run.h"

namespace kitsink {
namespace {

volatile sig_atomic_t interrupts = 0;

extern "C" void OnInterrupt(int) {
  interrupts = interrupts + 1;
  if (interrupts > 1) {
    DiscardOpenOutputs();
    _exit(kExitInterrupted);
  }
  // The current step may take seconds, so a user at a terminal gets an answer at once.
  constexpr char kHeard[] = "\r\033[Kstopping after this step; Ctrl-C again ends at once\n";
  if (isatty(STDERR_FILENO) != 0) static_cast<void>(!write(STDERR_FILENO, kHeard, sizeof(kHeard) - 1));
}

int Columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

// On a terminal, one line that is rewritten. Elsewhere, a line at every tenth of a stage, at least two seconds apart,
// so that a short stage prints none.
class ConsoleProgress final : public Progress {
 public:
  explicit ConsoleProgress(bool shown) : shown_(shown), terminal_(isatty(STDERR_FILENO) != 0) {}

  void Begin(std::string_view stage, uint64_t total, std::string_view unit) override {
    stage_ = stage;
    unit_ = unit;
    total_ = total;
    printed_tenth_ = 0;
    last_.clear();
    pace_ = {};
    begin_ = std::chrono::steady_clock::now();
    last_print_ = begin_;
  }

  void Update(uint64_t done, std::string_view note) override {
    if (!shown_) return;
    const auto now = std::chrono::steady_clock::now();
    const double elapsed = std::chrono::duration<double>(now - begin_).count();
    const double rate = pace_.Update(elapsed, done);
    char text[256];
    if (total_ > 0) {
      const double left = rate > 0 ? static_cast<double>(total_ - std::min(total_, done)) / rate : 0;
      std::snprintf(text, sizeof(text), "%s %llu/%llu %s, %.2f/s, ETA %s", stage_.c_str(),
                    static_cast<unsigned long long>(done), static_cast<unsigned long long>(total_), unit_.c_str(), rate,
                    FormatClock(left).c_str());
    } else {
      std::snprintf(text, sizeof(text), "%s %llu %s, %.2f/s", stage_.c_str(), static_cast<unsigned long long>(done),
                    unit_.c_str(), rate);
    }
    last_ = text;
    if (!note.empty()) last_ += ", " + std::string(note);
    if (terminal_) {
      if (now - last_print_ < std::chrono::milliseconds(100) && done != total_) return;
      last_print_ = now;
      // A line that wraps could not be rewritten.
      std::fprintf(stderr, "\r\033[K%.*s", Columns() - 1, last_.c_str());
    } else if (const uint64_t tenth = total_ > 0 ? done * 10 / total_ : done / 64;
               tenth > printed_tenth_ &&
               (now - last_print_ > std::chrono::seconds(2) || (done == total_ && printed_tenth_ > 0))) {
      printed_tenth_ = tenth;
      last_print_ = now;
      std::fprintf(stderr, "%s\n", last_.c_str());
    }
  }

  void End() override {
    if (!shown_ || !terminal_ || last_.empty()) return;
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    std::fprintf(stderr, "\r\033[K%s: done in %s\n", stage_.c_str(), FormatClock(elapsed).c_str());
  }

  bool stop_requested() const override { return interrupts > 0; }

 private:
  bool shown_;
  bool terminal_;
  std::string stage_, unit_, last_;
  uint64_t total_ = 0;
  uint64_t printed_tenth_ = 0;
  Pace pace_;
  std::chrono::steady_clock::time_point begin_, last_print_;
};

// An option whose bad values are wrong usage.
template <typename Value>
CLI::Option* AddParsedOption(CLI::App& verb, const std::string& name, Value& value,
                             Result<Value> (*parse)(const std::string& text), const std::string& help) {
  const auto take = [name, parse, &value](const std::string& text) {
    const Result<Value> parsed = parse(text);
    if (!parsed.ok()) throw CLI::ValidationError(name, parsed.error().message);
    value = parsed.value();
  };
  return verb.add_option_function<std::string>(name, take, help);
}

PairRange ParsePairs(const std::string& text) {
  PairRange range;
  const size_t colon = text.find(':');
  const auto number = [&text](const std::string& digits, uint64_t fallback) {
    if (digits.empty()) return fallback;
    if (!std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return c >= '0' && c <= '9'; }) ||
        digits.size() > 9) {
      throw CLI::ValidationError("--pairs", "expected A:B with two numbers, got " + text);
    }
    return static_cast<uint64_t>(std::stoul(digits));
  };
  if (colon == std::string::npos) throw CLI::ValidationError("--pairs", "expected A:B, got " + text);
  range.first = number(text.substr(0, colon), 0);
  range.end = number(text.substr(colon + 1), UINT64_MAX);
  if (range.first >= range.end) throw CLI::ValidationError("--pairs", "range " + text + " is empty");
  return range;
}

bool HoldsNets(const std::filesystem::path& folder) {
  std::error_code error;
  return std::filesystem::exists(folder / "segnet.safetensors", error) &&
         std::filesystem::exists(folder / "posenet.safetensors", error);
}

}  // namespace

FrameSize ParseSize(const std::string& text) {
  constexpr size_t kMostDigits = 5;
  const auto number = [](std::string_view digits) -> uint32_t {
    if (digits.empty() || digits.size() > kMostDigits) return 0;
    uint32_t value = 0;
    for (const char digit : digits) {
      if (digit < '0' || digit > '9') return 0;
      value = 10 * value + static_cast<uint32_t>(digit - '0');
    }
    return value;
  };
  const size_t x = std::min(text.find('x'), text.size());
  const FrameSize size{number(std::string_view(text).substr(0, x)),
                       number(std::string_view(text).substr(std::min(x + 1, text.size())))};
  if (size.width == 0 || size.height == 0) throw CLI::ValidationError("--size", "expected WxH, got " + text);
  return size;
}

void AddOutputOptions(CLI::App& verb, OutputOptions& output) {
  verb.add_flag("-q,--quiet", output.quiet, "No progress, warnings or summary; errors only");
  verb.add_flag("-v,--verbose", output.verbosity, "More detail; repeat for debugging");
  verb.add_flag("--json", output.json, "Print one JSON object on standard output instead of a table");
}

void AddForceOption(CLI::App& verb, JobOptions& job) {
  verb.add_flag_callback(
      "-f,--force", [&job] { job.overwrite = Overwrite::kAllow; }, "Overwrite existing outputs");
}

void AddThreadsOption(CLI::App& verb, JobOptions& job) {
  job.threads = 1;
  verb.add_option("-j,--threads", job.threads, "Threads; they change no byte")
      ->check(CLI::Range(1, 64))
      ->type_name("N")
      ->capture_default_str();
}

void AddNetsOptions(CLI::App& verb, JobOptions& job) {
  verb.add_option(
          "--nets", job.nets_folder,
          "Folder with segnet.safetensors and posenet.safetensors; default: ./models when it has both, as in the "
          "contest's checkout, else kitsink's models/contest, else the stand-ins that ship with it")
      ->type_name("DIR");
  verb.add_option("-j,--threads", job.threads, "Threads; 0 = the processors this process may use")
      ->check(CLI::Range(0, 1024))
      ->type_name("N")
      ->capture_default_str();
}

void AddDeviceOption(CLI::App& verb, JobOptions& job) {
  verb.add_option("--device", job.device, "auto, cpu, cuda or cuda:N")->type_name("NAME")->capture_default_str();
}

void AddJobOptions(CLI::App& verb, JobOptions& job) {
  AddNetsOptions(verb, job);
  AddDeviceOption(verb, job);
  verb.add_option_function<std::string>(
          "--pairs", [&job](const std::string& text) { job.pairs = ParsePairs(text); },
          "Only pairs A to B - 1 of the clip; A: and :B leave one side open")
      ->type_name("A:B");
}

void AddShardOption(CLI::App& verb, Shard& shard, const std::string& help) {
  AddParsedOption(verb, "--shard", shard, ParseShard, help)->type_name("I/N");
}

CLI::Option* AddTimeLimitOption(CLI::App& verb, double& seconds, const std::string& help) {
  return AddParsedOption(verb, "--time-limit", seconds, ParseDuration, help)->type_name("TIME");
}

void AddGroundTruthOption(CLI::App& verb, GroundTruthOptions& ground_truth) {
  verb.add_option_function<std::string>(
          "--gt",
          [&ground_truth](const std::string& text) {
            constexpr std::string_view kRaw = "raw:";
            if (text == "pyav") return;
            if (!text.starts_with(kRaw) || text.size() == kRaw.size()) {
              throw CLI::ValidationError("--gt", "expected pyav or raw:FILE, got " + text);
            }
            ground_truth.dump = text.substr(kRaw.size());
          },
          "The original's frames: pyav (decoded here to the bytes that PyAV and upstream's conversion give; default) "
          "or raw:FILE, another decoder's frames, for instance DALI's, with FILE's record beside it")
      ->type_name("KIND");
}

void AddCacheOption(CLI::App& verb, bool& use_cache) {
  verb.add_flag_callback(
      "--no-cache", [&use_cache] { use_cache = false; },
      "Neither read nor keep what the nets see in the original ($XDG_CACHE_HOME/kitsink or ~/.cache/kitsink)");
}

Progress& StartOutput(const OutputOptions& output) {
  SetLogLevel(output.quiet            ? LogLevel::kError
              : output.verbosity >= 2 ? LogLevel::kDebug
              : output.verbosity == 1 ? LogLevel::kInfo
                                      : LogLevel::kWarning);
  static ConsoleProgress progress(!output.quiet);
  return progress;
}

void PrintJson(const nlohmann::ordered_json& json) {
  std::printf("%s\n", json.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

int Fail(const char* verb, const Error& error) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K");
  const bool interrupted = error.code == Code::kInterrupted;
  const bool says_how = error.message.find(';') != std::string::npos;
  std::fprintf(stderr, "kitsink %s: %s%s\n", verb, error.message.c_str(),
               interrupted && !says_how ? "; give the same command again" : "");
  return interrupted ? kExitInterrupted : kExitFailed;
}

std::vector<std::filesystem::path> ModelFolders() {
  std::vector<std::filesystem::path> folders;
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) folders.push_back((self.parent_path() / KITSINK_RELATIVE_DATA_DIR / "models").lexically_normal());
  folders.emplace_back(KITSINK_SOURCE_MODELS_DIR);
  return folders;
}

bool WantsColour(int descriptor) {
  const char* const no_color = std::getenv("NO_COLOR");
  return isatty(descriptor) != 0 && (no_color == nullptr || *no_color == '\0');
}

Status ResolveNets(JobOptions& job) {
  if (!job.nets_folder.empty()) return Ok();
  if (const char* challenge = std::getenv("KITSINK_CHALLENGE_DIR"); challenge != nullptr) {
    job.nets_folder = std::filesystem::path(challenge) / "models";
    return Ok();
  }
  // In the contest's checkout, the nets that its own evaluate.py takes. Every score says so.
  if (HoldsNets("models")) {
    job.nets_folder = "models";
    return Ok();
  }
  for (const char* kind : {"contest", "standin"}) {
    for (const std::filesystem::path& folder : ModelFolders()) {
      if (!HoldsNets(folder / kind)) continue;
      job.nets_folder = folder / kind;
      return Ok();
    }
  }
  return Error{Code::kIo, "nets: found none; name their folder with --nets DIR"};
}

void InstallInterruptHandler() {
  struct sigaction action {};
  action.sa_handler = OnInterrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // Without the signal, a file size limit makes write() fail, like a full disk, and does not end the process.
  signal(SIGXFSZ, SIG_IGN);
}

}  // namespace kitsink
