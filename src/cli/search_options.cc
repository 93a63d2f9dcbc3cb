// Adds codec search's own options to compress and inflate.

#include <map>
#include <memory>

#include "cli/codec_options.h"
#include "cli/command.h"
#include "codecs/search/options.h"

namespace kitsink::search {
namespace {

constexpr const char* kGroup = "Codec search";

struct Preset {
  uint32_t fit_steps;
  int mask_level;
};

const std::map<std::string, Preset> kPresets = {{"fast", {150, 1}}, {"default", {1000, 2}}, {"best", {20000, 3}}};

std::function<std::any(const CompressChoice&)> AddCompressOptions(CLI::App& verb) {
  struct State {
    CompressOptions options;
    std::optional<uint32_t> fit_steps;
  };
  const auto state = std::make_shared<State>();
  verb.add_option("--fit-steps", state->fit_steps,
                  "Training steps of the generator; presets: fast 150, default 1000, best 20000")
      ->type_name("N")
      ->group(kGroup);
  AddChoice<GeneratorSize>(verb, "--generator", state->options.generator,
                           {{"auto", GeneratorSize::kAuto},
                            {"tiny", GeneratorSize::kTiny},
                            {"small", GeneratorSize::kSmall},
                            {"full", GeneratorSize::kFull}},
                           "Generator: tiny (7 kB), small (22 kB), full (56 kB) or auto, by the number of pairs")
      ->group(kGroup);
  AddChoice<SelectorEffort>(
      verb, "--selectors", state->options.selectors,
      {{"none", SelectorEffort::kNone}, {"fast", SelectorEffort::kFast}, {"full", SelectorEffort::kFull}},
      "Codes that steer the search of single pairs, found by searching each pair 11 (fast) or 30 (full) times as "
      "inflate will; kept where they gain more than their bytes cost")
      ->group(kGroup);
  return [state](const CompressChoice& choice) {
    const Preset& preset = kPresets.at(choice.preset);
    CompressOptions options = state->options;
    options.fit.seed = choice.seed;
    options.fit.steps = state->fit_steps.value_or(preset.fit_steps);
    options.mask_level = choice.level.value_or(preset.mask_level);
    return std::any(options);
  };
}

std::function<std::any()> AddInflateOptions(CLI::App& verb) {
  const auto options = std::make_shared<InflateOptions>();
  SearchOptions& search = options->search;
  verb.add_option("--steps", search.steps, "Adam steps on f1; 0 renders only, without any search")
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--prepass-steps", search.prepass_steps, "Pose-only Adam steps on f0 before f1's")
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--repair-steps", search.repair_steps, "Pose-only Adam steps on f0 after f1's")
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--batch", options->batch_size,
                  "Pairs searched together; another number changes frames by rounding noise")
      ->check(CLI::Range(1, 64))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  AddChoice<SearchGrid>(verb, "--grid", search.grid,
                        {{"auto", SearchGrid::kAuto}, {"model", SearchGrid::kModel}, {"camera", SearchGrid::kCamera}},
                        "Where to search: model (the nets' 512 x 384), camera (the frame), auto = model when it fits")
      ->group(kGroup);
  return [options] { return std::any(*options); };
}

}  // namespace

extern const CodecCommandLine kCommandLine;
const CodecCommandLine kCommandLine = {.codec = "search",
                                       .add_compress = AddCompressOptions,
                                       .add_inflate = AddInflateOptions,
                                       .class_maps = true,
                                       .scores = false};

}  // namespace kitsink::search
