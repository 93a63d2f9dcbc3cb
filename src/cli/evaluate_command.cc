// Runs `kitsink evaluate`: evaluates a submission as the contest does.

#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/engine.h"

namespace kitsink {
namespace {

struct State {
  EvaluateOptions options;
  JobOptions job;
  OutputOptions output;
  LedgerOptions ledger;
};

int Run(State& state) {
  Progress& progress = StartOutput(state.output);
  if (const Status status = CheckLedger(state.ledger); !status.ok()) return Fail("evaluate", status.error());
  const Result<const Engine*> engine = OpenEngine(state.job);
  if (!engine.ok()) return Fail("evaluate", engine.error());
  const Result<EvaluateReport> report = engine.value()->evaluate(state.options, state.job, progress);
  if (!report.ok()) return Fail("evaluate", report.error());
  if (state.output.json) {
    std::fputs(FormatScoreJson(report.value().score).c_str(), stdout);
  } else {
    std::printf("%s\n%s", report.value().text.c_str(), FormatScore(report.value().score).c_str());
  }
  if (const Status status = KeepInLedger(state.ledger, report.value().score, state.output); !status.ok()) {
    return Fail("evaluate", status.error());
  }
  return kExitDone;
}

}  // namespace

void AddEvaluate(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("evaluate", "Run a submission as the contest does, and score it");
  const auto state = std::make_shared<State>();
  EvaluateOptions& options = state->options;
  verb->add_option("--submission-dir,--submission_dir", options.submission_dir,
                   "Folder with archive.zip and inflate.sh; gets archive/, inflated/ and report.txt")
      ->type_name("DIR")
      ->default_str("submissions/baseline");
  verb->add_option("--uncompressed-dir,--uncompressed_dir", options.uncompressed_dir, "Folder of the original videos")
      ->type_name("DIR")
      ->default_str("videos");
  verb->add_option("--video-names-file,--video_names_file", options.video_names_file, "Names of the videos, one a line")
      ->type_name("FILE")
      ->default_str("public_test_video_names.txt");
  verb->add_option("--report", options.report, "Where to write report.txt; default: into the submission's folder")
      ->type_name("FILE");
  verb->add_option("--device", options.device, "Where the nets run: cpu, cuda, cuda:N or auto")
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--batch-size,--batch_size", options.batch_size, "Pairs whose figures are summed in float32")
      ->check(CLI::Range(1, 4096))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--num-threads,--num_threads", options.num_threads, "DALI's; only named in the report")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--prefetch-queue-depth,--prefetch_queue_depth", options.prefetch_queue_depth,
                   "DALI's; only named in the report")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--seed", options.seed, "Only named in the report: nothing is drawn at random")
      ->type_name("N")
      ->capture_default_str();
  AddTimeLimitOption(*verb, options.time_limit_seconds, "Stop inflate.sh after this wall time (90s, 30m, 1h30m)")
      ->default_str("30m");
  AddLedgerOptions(*verb, state->ledger, "the score");
  AddGroundTruthOption(*verb, options.ground_truth);
  AddCacheOption(*verb, options.use_cache);
  AddNetsOptions(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink evaluate --submission-dir submissions/mine --video-names-file public_test_video_names.txt\n"
      "  kitsink evaluate --submission-dir submissions/mine --device cuda --gt raw:dali.raw --json\n"
      "inflate.sh runs with your rights: evaluate only what you trust. All that can be checked is checked before it\n"
      "runs; then old frames in inflated/ are removed. Stray files beside the originals and blank lines among the\n"
      "names do not count, a short .raw is refused. kitsink score scores the same frames again without inflate.sh.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
