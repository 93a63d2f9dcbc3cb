#include <cstdio>
#include <map>
#include <memory>

#include "cli/command.h"
#include "cli/engine.h"

namespace kitsink {
namespace {

struct State {
  InflateOptions options;
  JobOptions job;
  OutputOptions output;
  std::string shard, time_limit;
};

int Run(State& state) {
  Progress& progress = StartOutput(state.output);
  if (!state.shard.empty()) {
    const Result<Shard> shard = ParseShard(state.shard);
    if (!shard.ok()) return Fail("inflate", shard.error());
    state.options.shard = shard.value();
  }
  if (!state.time_limit.empty()) {
    const Result<double> seconds = ParseDuration(state.time_limit);
    if (!seconds.ok()) return Fail("inflate", seconds.error());
    state.options.time_limit_seconds = seconds.value();
  }
  const Result<const Engine*> engine = OpenEngine(state.job);
  if (!engine.ok()) return Fail("inflate", engine.error());
  const Result<InflateReport> result = engine.value()->inflate(state.options, state.job, progress);
  if (!result.ok()) return Fail("inflate", result.error());
  const InflateReport& report = result.value();
  if (state.output.json) {
    std::fputs(report.json.empty() ? "{}\n" : report.json.c_str(), stdout);
  } else if (!state.output.quiet && report.json.empty()) {
    std::printf("%s: shard %llu/%llu done, %llu of %llu pairs are there; the last shard gives the file its name\n",
                report.raw.string().c_str(), static_cast<unsigned long long>(state.options.shard.index),
                static_cast<unsigned long long>(state.options.shard.count),
                static_cast<unsigned long long>(report.pairs_done), static_cast<unsigned long long>(report.num_pairs));
  } else if (!state.output.quiet) {
    const double each = report.search_seconds / static_cast<double>(report.num_pairs);
    std::printf("%s: %llu pairs, %.1f s each; against the archive's targets: rendered %s", report.raw.string().c_str(),
                static_cast<unsigned long long>(report.num_pairs), each, FormatMeans(report.before).c_str());
    if (state.options.search.steps > 0) std::printf(", searched %s", FormatMeans(report.after).c_str());
    if (report.pairs_cut > 0) {
      std::printf("; the time limit cut the search of %llu pairs", static_cast<unsigned long long>(report.pairs_cut));
    }
    std::printf("\n");
    if (state.output.verbosity > 0) {
      std::printf("  decode %.1f s, search %.1f s in all, %.2f s a pair\n", report.decode_seconds,
                  report.search_seconds, each);
    }
  }
  return kExitDone;
}

}  // namespace

void AddInflate(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("inflate", "Turn an archive into raw frames, searching against the nets");
  const auto state = std::make_shared<State>();
  verb->add_option("ARCHIVE", state->options.archive, "The zip, or the folder it was extracted to")
      ->required()
      ->type_name("FILE");
  verb->add_option("FOLDER,-o,--output", state->options.folder,
                   "Output folder; gets NAME.raw (rgb24 frames) and NAME.json (how it was made)")
      ->required()
      ->type_name("DIR");
  verb->add_option("--name", state->options.name, "Base name of the outputs; default: the archive's")
      ->type_name("NAME");
  verb->add_option("--steps", state->options.search.steps, "Adam steps on f1; 0 renders only, without any search")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--prepass-steps", state->options.search.prepass_steps, "Pose-only Adam steps on f0 before f1's")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--repair-steps", state->options.search.repair_steps, "Pose-only Adam steps on f0 after f1's")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--batch", state->options.batch_size,
                   "Pairs searched together; another number changes frames by rounding noise")
      ->check(CLI::Range(1, 64))
      ->type_name("N")
      ->capture_default_str();
  const std::map<std::string, SearchGrid> grids = {
      {"auto", SearchGrid::kAuto}, {"model", SearchGrid::kModel}, {"camera", SearchGrid::kCamera}};
  verb->add_option("--grid", state->options.search.grid,
                   "Where to search: model (the nets' 512 x 384), camera (the frame), auto = model when it fits")
      ->transform(CLI::CheckedTransformer(grids))
      ->type_name("NAME")
      ->default_str("auto");
  verb->add_option("--shard", state->shard,
                   "Do only part I of N (0/3, 1/3, 2/3) of one output, or auto: rank and size as torchrun, Open MPI or "
                   "Slurm tell them; the last part that is done joins the output")
      ->type_name("I/N");
  verb->add_option("--time-limit", state->time_limit,
                   "End within this wall time (90s, 30m, 1h30m) by cutting steps; the manifest says so")
      ->type_name("TIME");
  AddForceOption(*verb, state->job);
  AddJobOptions(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink inflate drive.zip out/\n"
      "  kitsink inflate drive.zip out/ --steps 0 --name rendered\n"
      "  kitsink inflate drive.zip out/ --shard 0/2 & kitsink inflate drive.zip out/ --shard 1/2\n"
      "The search draws no random numbers: the same machine gives the same frames, whatever pairs or shards are asked\n"
      "for. A job that was killed goes on when the same command is given again (NAME.raw.resume beside the output).");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
