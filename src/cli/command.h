#pragma once
// What all verbs share: options, progress on a terminal, and exit codes.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kitsink/frame.h"
#include "kitsink/jobs.h"
#include "kitsink/log.h"
#include "kitsink/result.h"
#include "kitsink/score_jobs.h"

namespace kitsink {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;  // a shell's code for SIGINT

// -q, -v and --json, the same for every verb.
struct OutputOptions {
  bool quiet = false;
  int verbosity = 0;
  bool json = false;
};

// --ledger and --note.
struct LedgerOptions {
  std::filesystem::path path;  // empty: no ledger
  std::string note;
};

// "512x384": two numbers of one to five digits. Throws CLI::ValidationError for anything else, and for 0.
FrameSize ParseSize(const std::string& text);

// Adds an option whose value is one of a few words, shown in help as "a|b|c". `value` holds the default.
template <typename Value>
CLI::Option* AddChoice(CLI::App& verb, const std::string& names, Value& value,
                       const std::vector<std::pair<std::string, Value>>& words, const std::string& help) {
  std::string kind, chosen;
  for (const auto& [word, meaning] : words) {
    kind += (kind.empty() ? "" : "|") + word;
    if (meaning == value) chosen = word;
  }
  CLI::Option* const option = verb.add_option_function<std::string>(
      names,
      [&value, words, names, kind](const std::string& text) {
        for (const auto& [word, meaning] : words) {
          if (word != text) continue;
          value = meaning;
          return;
        }
        throw CLI::ValidationError(names, "expected " + kind + ", got " + text);
      },
      help);
  return option->type_name(kind)->default_str(chosen);
}

// The levels of the class-map coder, for AddChoice().
template <typename Value>
std::vector<std::pair<std::string, Value>> MaskLevels() {
  std::vector<std::pair<std::string, Value>> levels;
  for (const int level : {1, 2, 3, kCtwLevel}) levels.emplace_back(MaskLevelName(level), level);
  return levels;
}

// The verb that the command line chose: returns an exit code.
using Action = std::function<int()>;

void AddOutputOptions(CLI::App& verb, OutputOptions& output);
// --force
void AddForceOption(CLI::App& verb, JobOptions& job);
// --threads of a verb without nets: 1 by default, and never changes a result
void AddThreadsOption(CLI::App& verb, JobOptions& job);
// --nets, --threads
void AddNetsOptions(CLI::App& verb, JobOptions& job);
// --device
void AddDeviceOption(CLI::App& verb, JobOptions& job);
// All of these, and --pairs
void AddJobOptions(CLI::App& verb, JobOptions& job);
// --shard; `help` says what a process does with its part.
void AddShardOption(CLI::App& verb, Shard& shard, const std::string& help);
// --time-limit
CLI::Option* AddTimeLimitOption(CLI::App& verb, double& seconds, const std::string& help);
// --gt
void AddGroundTruthOption(CLI::App& verb, GroundTruthOptions& ground_truth);
// --no-cache
void AddCacheOption(CLI::App& verb, bool& use_cache);

// INFLATED, --original, --archive, --gt, --no-cache
void AddScoreOptions(CLI::App& verb, ScoreOptions& options);
// --ledger, --note; `what` is appended: "the score"
void AddLedgerOptions(CLI::App& verb, LedgerOptions& ledger, const std::string& what);
// Checks before long work that an existing ledger can be read.
Status CheckLedger(const LedgerOptions& ledger);
// Appends the score and, unless quiet, prints its verdict on stderr. Does nothing without a ledger.
Status KeepInLedger(const LedgerOptions& ledger, const ScoreReport& score, const OutputOptions& output);

// Sets the log level and returns the progress display for these options and this terminal.
Progress& StartOutput(const OutputOptions& output);

// Prints JSON that may hold untrusted names: in ASCII only, with invalid UTF-8 replaced.
void PrintJson(const nlohmann::ordered_json& json);

// Prints "kitsink VERB: sentence" and returns kExitFailed, or kExitInterrupted for a job that Ctrl-C ended.
int Fail(const char* verb, const Error& error);

// Fills job.nets_folder when the user named none: $KITSINK_CHALLENGE_DIR/models, else ./models when it holds
// both, else the contest's nets in ModelFolders(), else the stand-in nets.
Status ResolveNets(JobOptions& job);

// kitsink's own model folders: beside an installed command, else in the source tree that it was built from.
std::vector<std::filesystem::path> ModelFolders();

// True for a terminal unless $NO_COLOR is set and not empty.
bool WantsColour(int descriptor);

// The first Ctrl-C asks the job to stop, the second one ends the process.
void InstallInterruptHandler();

void AddAudit(CLI::App& app, Action& action);
void AddCompress(CLI::App& app, Action& action);
void AddInflate(CLI::App& app, Action& action);
void AddReport(CLI::App& app, Action& action);
void AddScore(CLI::App& app, Action& action);
void AddSubmission(CLI::App& app, Action& action);
void AddEvaluate(CLI::App& app, Action& action);
void AddDoctor(CLI::App& app, Action& action);
void AddLedger(CLI::App& app, Action& action);
void AddMask(CLI::App& app, Action& action);
void AddPack(CLI::App& app, Action& action);
void AddRepack(CLI::App& app, Action& action);
void AddUnpack(CLI::App& app, Action& action);
void AddInfo(CLI::App& app, Action& action);
void AddVerify(CLI::App& app, Action& action);

}  // namespace kitsink
