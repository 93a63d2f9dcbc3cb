// Runs `kitsink score`: scores inflated frames.

#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/engine.h"

namespace kitsink {
namespace {

struct State {
  ScoreOptions options;
  JobOptions job;
  OutputOptions output;
  std::filesystem::path report;
  LedgerOptions ledger;
};

int Run(State& state) {
  Progress& progress = StartOutput(state.output);
  if (!state.report.empty()) {
    const Status status = CheckWritable(state.report, state.job.overwrite, InputsOf(state.options));
    if (!status.ok()) return Fail("score", status.error());
  }
  if (const Status status = CheckLedger(state.ledger); !status.ok()) return Fail("score", status.error());
  const Result<const Engine*> engine = OpenEngine(state.job);
  if (!engine.ok()) return Fail("score", engine.error());
  const Result<ScoreReport> report = engine.value()->score(state.options, state.job, progress);
  if (!report.ok()) return Fail("score", report.error());
  if (!state.report.empty()) {
    const std::string text = FormatUpstreamResults(report.value()) + FormatUpstreamRemarks(report.value());
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    const Status status = WriteFile(state.report, bytes, state.job.overwrite);
    if (!status.ok()) return Fail("score", status.error());
  }
  std::fputs((state.output.json ? FormatScoreJson(report.value()) : FormatScore(report.value())).c_str(), stdout);
  if (const Status status = KeepInLedger(state.ledger, report.value(), state.output); !status.ok()) {
    return Fail("score", status.error());
  }
  return kExitDone;
}

}  // namespace

void AddScoreOptions(CLI::App& verb, ScoreOptions& options) {
  verb.add_option("INFLATED", options.inflated, "A .raw file, a folder with exactly one, or a submission's folder")
      ->required()
      ->type_name("PATH");
  verb.add_option("--original", options.original,
                  "The original video; default: the one that the manifests name, if its SHA-256 is right")
      ->type_name("FILE");
  verb.add_option(
          "--archive", options.archive,
          "The archive whose bytes count; default: the submission's, or the one that the manifest beside the .raw "
          "names")
      ->type_name("FILE");
  AddGroundTruthOption(verb, options.ground_truth);
  AddCacheOption(verb, options.use_cache);
}

// --video-names-file, --uncompressed-dir, --batch-size: as for evaluate.
static void AddNamesOptions(CLI::App& verb, ScoreOptions& options) {
  verb.add_option("--video-names-file,--video_names_file", options.video_names_file,
                  "Names of the videos, one a line: scores the .raw of each together, as evaluate does")
      ->type_name("FILE");
  verb.add_option("--uncompressed-dir,--uncompressed_dir", options.uncompressed_dir,
                  "Folder of the videos that the names file names")
      ->type_name("DIR")
      ->capture_default_str();
  verb.add_option("--batch-size,--batch_size", options.batch_size, "Pairs whose figures are summed in float32")
      ->check(CLI::Range(1, 4096))
      ->type_name("N")
      ->capture_default_str();
}

void AddScore(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("score", "Score inflated frames against the original as the contest does");
  const auto state = std::make_shared<State>();
  AddScoreOptions(*verb, state->options);
  AddNamesOptions(*verb, state->options);
  verb->add_option("--report", state->report,
                   "Also write upstream's results block to FILE, with kitsink's remarks behind it")
      ->type_name("FILE");
  AddLedgerOptions(*verb, state->ledger, "the score");
  AddForceOption(*verb, state->job);
  AddJobOptions(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink score out/ --device cpu\n"
      "  kitsink score out/ --original drive.mkv --archive drive.zip --json\n"
      "  kitsink score out/ --ledger runs.jsonl --note \"600 steps\"\n"
      "  kitsink score out/ --gt raw:dali.raw\n"
      "  kitsink score submissions/mine --video-names-file public_test_video_names.txt\n"
      "dali.raw: rgb24 frames; beside it dali.json: {\"decoder\": \"DALI 1.52.0, T4\", \"sha256\": of dali.raw,\n"
      "\"video_sha256\": of drive.mkv}.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
