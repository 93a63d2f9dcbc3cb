// Runs `kitsink inflate`: turns an archive into raw frames.

#include <cstdio>
#include <map>
#include <memory>

#include "cli/codec_options.h"
#include "cli/command.h"
#include "cli/engine.h"

namespace kitsink {
namespace {

struct State {
  InflateOptions options;
  JobOptions job;
  OutputOptions output;
  std::map<std::string, std::function<std::any()>> make_options;  // by codec
};

// Inflates without the engine if the codec needs none, else opens the engine.
Result<InflateReport> RunJob(State& state, Progress& progress) {
  state.job.codecs = FormatCodecs();
  KIT_ASSIGN(const LoadedArchive archive, state.job.codecs.Load(state.options.archive, state.job.limits));
  KIT_ASSIGN(const CodecFormat* const format, state.job.codecs.FormatOf(archive.member));
  if (const auto made = state.make_options.find(std::string(format->name)); made != state.make_options.end()) {
    state.options.options = made->second();
  }
  if (format->open != nullptr) return Inflate(state.options, state.job, progress);
  KIT_ASSIGN(const Engine* const engine, OpenEngine(state.job));
  return engine->inflate(state.options, state.job, progress);
}

void Print(const State& state, const InflateReport& report) {
  if (report.json.empty()) {
    std::printf("%s: shard %llu/%llu done, %llu of %llu pairs are there; the last shard to finish joins them\n",
                report.raw.string().c_str(), static_cast<unsigned long long>(state.options.shard.index),
                static_cast<unsigned long long>(state.options.shard.count),
                static_cast<unsigned long long>(report.pairs_done), static_cast<unsigned long long>(report.num_pairs));
    return;
  }
  const double each = report.inflate_seconds / static_cast<double>(report.num_pairs);
  std::printf("%s: %llu pairs", report.raw.string().c_str(), static_cast<unsigned long long>(report.num_pairs));
  if (report.before.seg > 0 || report.before.pose > 0) {
    std::printf(", %.1f s each; against the archive's targets: rendered %s", each, FormatMeans(report.before).c_str());
  }
  if (report.planned_steps > 0) std::printf(", searched %s", FormatMeans(report.after).c_str());
  if (report.pairs_cut > 0) {
    std::printf("; the time limit cut the search of %llu pairs", static_cast<unsigned long long>(report.pairs_cut));
  }
  std::printf("\n");
  if (state.output.verbosity > 0) {
    std::printf("  decode %.1f s, %s %.1f s in all, %.2f s a pair\n", report.decode_seconds,
                report.planned_steps > 0 ? "search" : "render", report.inflate_seconds, each);
  }
}

int Run(State& state) {
  Progress& progress = StartOutput(state.output);
  const Result<InflateReport> report = RunJob(state, progress);
  if (!report.ok()) return Fail("inflate", report.error());
  if (state.output.json) {
    std::fputs(report.value().json.empty() ? "{}\n" : report.value().json.c_str(), stdout);
  } else if (!state.output.quiet) {
    Print(state, report.value());
  }
  return kExitDone;
}

}  // namespace

void AddInflate(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("inflate", "Turn an archive into raw frames");
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
  AddShardOption(*verb, state->options.shard,
                 "Do only part I of N (0/3, 1/3, 2/3) of one output, or auto: rank and size as torchrun, Open MPI or "
                 "Slurm tell them; the last part to finish joins the output");
  AddTimeLimitOption(*verb, state->options.time_limit_seconds,
                     "End within this wall time (90s, 30m, 1h30m) by cutting steps; the manifest says so");
  for (const CodecCommandLine* line : CommandLines()) {
    if (line->add_inflate != nullptr) state->make_options[std::string(line->codec)] = line->add_inflate(*verb);
  }
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
