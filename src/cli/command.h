#pragma once
// What every verb shares: options, progress on a terminal, and how a Result becomes an exit code.

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "kitsink/codec.h"
#include "kitsink/log.h"
#include "kitsink/result.h"

namespace kitsink {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// -q, -v and --json, the same for every verb.
struct OutputOptions {
  bool quiet = false;
  int verbosity = 0;
  bool json = false;
};

// The verb that the command line chose: returns an exit code.
using Action = std::function<int()>;

void AddOutputOptions(CLI::App& verb, OutputOptions& output);
// --force
void AddForceOption(CLI::App& verb, JobOptions& job);
// --threads of a verb without nets: 1 by default, and never changes a result
void AddThreadsOption(CLI::App& verb, JobOptions& job);
// --nets, --threads
void AddNetsOptions(CLI::App& verb, JobOptions& job);
// These, --device and --pairs
void AddJobOptions(CLI::App& verb, JobOptions& job);
// --gt, --no-cache
void AddGroundTruthOptions(CLI::App& verb, GroundTruthOptions& ground_truth, bool& use_cache);

// Sets the log level and gives the progress display that suits the options and the terminal.
Progress& StartOutput(const OutputOptions& output);

// Prints "kitsink VERB: sentence" and returns kExitFailed.
int Fail(const char* verb, const Error& error);

// Fills job.nets_folder when the user named none: $KITSINK_CHALLENGE_DIR/models, the contest's nets among our models,
// else the stand-ins.
Status ResolveNets(JobOptions& job);

// Lets the first Ctrl-C ask the job to stop and the second one end the process.
void InstallInterruptHandler();

void AddCompress(CLI::App& app, Action& action);
void AddInflate(CLI::App& app, Action& action);
void AddScore(CLI::App& app, Action& action);
void AddEvaluate(CLI::App& app, Action& action);
void AddMask(CLI::App& app, Action& action);
void AddInfo(CLI::App& app, Action& action);
void AddVerify(CLI::App& app, Action& action);

}  // namespace kitsink
