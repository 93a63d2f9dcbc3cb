// Adds codec hnerv's own options to compress.

#include <map>
#include <memory>

#include "cli/codec_options.h"
#include "cli/command.h"
#include "codecs/hnerv/options.h"

namespace kitsink::hnerv {
namespace {

constexpr const char* kGroup = "Codec hnerv";

struct Preset {
  uint32_t train_steps, weight_rounds, polish_rounds, polish_candidates;
};

const std::map<std::string, Preset> kPresets = {
    {"fast", {1500, 4, 2, 16}}, {"default", {8000, 12, 8, 32}}, {"best", {60000, 40, 40, 48}}};

std::function<std::any(const CompressChoice&)> AddCompressOptions(CLI::App& verb) {
  struct State {
    CompressOptions options;
    std::optional<uint32_t> weight_rounds, polish_rounds, polish_candidates;
  };
  const auto state = std::make_shared<State>();
  CompressOptions& options = state->options;
  AddChoice<DecoderSize>(verb, "--decoder", options.decoder,
                         {{"auto", DecoderSize::kAuto},
                          {"tiny", DecoderSize::kTiny},
                          {"small", DecoderSize::kSmall},
                          {"full", DecoderSize::kFull}},
                         "Decoder to train: tiny, small, full or auto, by the numbers of pairs and of steps")
      ->group(kGroup);
  AddChoice<Recipe>(verb, "--recipe", options.recipe,
                    {{"improved", Recipe::kImproved}, {"published", Recipe::kPublished}},
                    "Of the training: improved, or published as the family's archives were trained, for comparison")
      ->group(kGroup);
  verb.add_option("--weight-rounds", state->weight_rounds,
                  "Rounds of moves of the decoder's codes to their neighbours at most; 0 = none; presets: fast 4, "
                  "default 12, best 40")
      ->type_name("N")
      ->group(kGroup);
  verb.add_option("--polish-rounds", state->polish_rounds,
                  "Rounds of changes to the pairs' latent codes, corrections and selector modes at most; 0 = none; "
                  "presets: fast 2, default 8, best 40")
      ->type_name("N")
      ->group(kGroup);
  verb.add_option(
          "--polish-candidates", state->polish_candidates,
          "Changes of a pair that a round renders and scores, in batches of 16; presets: fast 16, default 32, best 48")
      ->check(CLI::Range(1U, 1000U))
      ->type_name("N")
      ->group(kGroup);
  return [state](const CompressChoice& choice) {
    const Preset& preset = kPresets.at(choice.preset);
    CompressOptions made = state->options;
    made.train_steps = choice.train_steps.value_or(preset.train_steps);
    made.train_batch = choice.train_batch;
    made.seed = choice.seed;
    made.weight_rounds = state->weight_rounds.value_or(preset.weight_rounds);
    made.polish_rounds = state->polish_rounds.value_or(preset.polish_rounds);
    made.polish_candidates = state->polish_candidates.value_or(preset.polish_candidates);
    made.time_limit_seconds = choice.time_limit_seconds;
    made.from = choice.from;
    made.stages = choice.stages;
    return std::any(made);
  };
}

}  // namespace

extern const CodecCommandLine kCommandLine;
const CodecCommandLine kCommandLine = {
    .codec = "hnerv", .add_compress = AddCompressOptions, .stages = {"train", "weights", "polish"}};

}  // namespace kitsink::hnerv
