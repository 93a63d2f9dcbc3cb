#include <cstdio>
#include <map>
#include <memory>

#include "cli/command.h"
#include "cli/engine.h"

namespace kitsink {
namespace {

struct Preset {
  uint32_t fit_steps;
  int mask_level;
};

const std::map<std::string, Preset> kPresets = {{"fast", {150, 1}}, {"default", {1000, 2}}, {"best", {20000, 3}}};

struct State {
  CompressOptions options;
  JobOptions job;
  OutputOptions output;
  std::string preset = "default";
  std::optional<uint32_t> fit_steps;
  std::optional<int> mask_level;
};

// What each tail was worth against what it costs.
void PrintTails(const CompressReport& report) {
  if (report.tails.empty()) return;
  std::printf("  tail       gain in score       bytes  their score\n");
  for (const TailGain& tail : report.tails) {
    std::printf("  %-8s %15.8f  %10llu %12.8f  %s\n", std::string(TailTag(tail.kind)).c_str(), tail.gain,
                static_cast<unsigned long long>(tail.bytes),
                25.0 * static_cast<double>(tail.bytes) / static_cast<double>(report.original_bytes),
                tail.kept ? "kept" : "left out");
  }
}

void PrintSummary(const State& state, const CompressReport& report) {
  std::printf("%s: %llu bytes, %llu pairs, %.2f %% of the original's %llu bytes\n",
              state.options.archive.string().c_str(), static_cast<unsigned long long>(report.archive_bytes),
              static_cast<unsigned long long>(report.num_pairs),
              100.0 * static_cast<double>(report.archive_bytes) / static_cast<double>(report.original_bytes),
              static_cast<unsigned long long>(report.original_bytes));
  PrintTails(report);
  if (state.output.verbosity == 0) return;
  const auto row = [&report](const char* name, uint64_t bytes, const char* what) {
    std::printf("  %-8s %10llu bytes  %12.8f of score  %s\n", name, static_cast<unsigned long long>(bytes),
                25.0 * static_cast<double>(bytes) / static_cast<double>(report.original_bytes), what);
  };
  row("header", report.anatomy.header_bytes, "");
  row("m", report.anatomy.mask_bytes, "class maps");
  row("w", report.anatomy.weights_bytes, "generator weights");
  row("p", report.anatomy.pose_bytes, "poses");
  row("r", report.anatomy.selectors_bytes, "selector tails");
  row("zip", report.archive_bytes - report.anatomy.member_bytes, "container");
  std::printf("  observe %.1f s, fit %.1f s, selectors %.1f s, encode %.1f s\n", report.observe_seconds,
              report.fit_seconds, report.selector_seconds, report.encode_seconds);
}

int Run(State& state) {
  const Preset& preset = kPresets.at(state.preset);
  state.options.fit.steps = state.fit_steps.value_or(preset.fit_steps);
  state.options.mask_level = state.mask_level.value_or(preset.mask_level);
  Progress& progress = StartOutput(state.output);
  const Result<const Engine*> engine = OpenEngine(state.job);
  if (!engine.ok()) return Fail("compress", engine.error());
  const Result<CompressReport> report = engine.value()->compress(state.options, state.job, progress);
  if (!report.ok()) return Fail("compress", report.error());
  if (state.output.json) {
    std::fputs(report.value().json.c_str(), stdout);
  } else if (!state.output.quiet) {
    PrintSummary(state, report.value());
  }
  return kExitDone;
}

}  // namespace

void AddCompress(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("compress", "Make an archive from a driving video");
  const auto state = std::make_shared<State>();
  verb->add_option("VIDEO", state->options.video, "mkv, mp4 or raw hevc, 8-bit 4:2:0")->required()->type_name("FILE");
  verb->add_option("-o,--output", state->options.archive,
                   "The archive, a zip; FILE.json beside it says how it was made")
      ->required()
      ->type_name("FILE");
  std::vector<std::string> names;
  for (const auto& [name, preset] : kPresets) names.push_back(name);
  verb->add_option("--preset", state->preset,
                   "fast (150 fit steps, mask level 1), default (1000, 2) or best (20000, 3)")
      ->check(CLI::IsMember(names))
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--fit-steps", state->fit_steps, "Training steps of the generator; overrides the preset")
      ->type_name("N");
  verb->add_option("--level", state->mask_level, "Mask coder: 1 fast .. 3 smallest; overrides the preset")
      ->check(CLI::Range(1, 3))
      ->type_name("N");
  const std::map<std::string, GeneratorSize> sizes = {{"auto", GeneratorSize::kAuto},
                                                      {"tiny", GeneratorSize::kTiny},
                                                      {"small", GeneratorSize::kSmall},
                                                      {"full", GeneratorSize::kFull}};
  verb->add_option("--generator", state->options.generator,
                   "Generator: tiny (7 kB), small (22 kB), full (56 kB) or auto, by the number of pairs")
      ->transform(CLI::CheckedTransformer(sizes))
      ->type_name("SIZE")
      ->default_str("auto");
  const std::map<std::string, SelectorEffort> efforts = {
      {"none", SelectorEffort::kNone}, {"fast", SelectorEffort::kFast}, {"full", SelectorEffort::kFull}};
  verb->add_option("--selectors", state->options.selectors,
                   "Codes that steer the search of single pairs, found by searching each pair 11 (fast) or 30 (full) "
                   "times as inflate will; kept where they gain more than their bytes cost")
      ->transform(CLI::CheckedTransformer(efforts))
      ->type_name("EFFORT")
      ->default_str("none");
  verb->add_option("--seed", state->options.fit.seed, "Seed of the generator's training")
      ->type_name("N")
      ->capture_default_str();
  AddForceOption(*verb, state->job);
  AddJobOptions(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink compress drive.mkv -o drive.zip\n"
      "  kitsink compress drive.mkv -o quick.zip --preset fast --pairs 0:16 -v\n"
      "The same video, options, nets, seed and machine give the same bytes. An odd last frame is left out.\n"
      "A job that was killed goes on when the same command is given again (FILE.resume beside the output).");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
