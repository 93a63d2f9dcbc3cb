// Adds codec strict's own options to compress.

#include <map>
#include <memory>

#include "cli/codec_options.h"
#include "cli/command.h"
#include "codecs/strict/options.h"

namespace kitsink::strict {
namespace {

constexpr const char* kGroup = "Codec strict";

struct Preset {
  uint32_t train_steps, carrier_steps, edit_rounds, hops;
  int mask_level;
};

const std::map<std::string, Preset> kPresets = {
    {"fast", {1500, 24, 2, 0, 2}}, {"default", {8000, 96, 4, 1, 2}}, {"best", {60000, 400, 16, 2, 3}}};

std::function<std::any(const CompressChoice&)> AddCompressOptions(CLI::App& verb) {
  struct State {
    CompressOptions options;
    std::optional<F0Form> f0;
    std::optional<uint32_t> carrier_steps, edit_rounds, hops;
  };
  const auto state = std::make_shared<State>();
  CompressOptions& options = state->options;
  AddChoice<RendererSize>(verb, "--renderer", options.renderer,
                          {{"auto", RendererSize::kAuto},
                           {"tiny", RendererSize::kTiny},
                           {"small", RendererSize::kSmall},
                           {"full", RendererSize::kFull}},
                          "Renderer: tiny, small, full or auto, by the number of pairs")
      ->group(kGroup);
  AddChoice<RendererOptimiser>(verb, "--optimiser", options.optimiser,
                               {{"adamw", RendererOptimiser::kAdamW}, {"muon", RendererOptimiser::kMuon}},
                               "Of the renderer's training; muon takes Muon for the matrices")
      ->group(kGroup);
  AddChoice<F1Chain>(
      verb, "--f1", options.chain,
      {{"auto", F1Chain::kAuto}, {"preimage", F1Chain::kPreimage}, {"enlarged", F1Chain::kEnlarged}},
      "How inflate writes f1: preimage (the nets read the renderer's picture itself), enlarged bilinearly, or auto = "
      "preimage where the frame is at least twice 512 x 384")
      ->group(kGroup);
  AddChoice<std::optional<F0Form>>(
      verb, "--f0", state->f0, {{"auto", F0Form::kAuto}, {"motion", F0Form::kMotion}, {"atoms", F0Form::kAtoms}},
      "How f0 is made: motion, f1's picture under six numbers a pair, and small pictures (atoms) added where they pay; "
      "atoms, a sum of such pictures; auto, the better "
      "of both; presets: fast motion, default and best auto")
      ->group(kGroup);
  verb.add_option("--carrier-steps", state->carrier_steps,
                  "Training steps of the carrier for each pair; presets: fast 24, default 96, best 400")
      ->type_name("N")
      ->group(kGroup);
  verb.add_option("--carrier-rounds", options.carrier_rounds,
                  "Then Gauss-Newton steps of the carrier's basis, each followed by a solve of all pairs")
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--edit-rounds", state->edit_rounds,
                  "Then rounds of edits to the class maps; 0 = none; presets: fast 2, default 4, best 16")
      ->type_name("N")
      ->group(kGroup);
  verb.add_option("--edit-passes", options.edit_passes, "Passes over a class map in a round of edits at most")
      ->check(CLI::Range(1U, 1000U))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--hops", state->hops,
                  "Then larger moves of the renderer, each with a new solve of the carrier and new edits, taken as a "
                  "whole or not at all; presets: fast 0, default 1, best 2")
      ->type_name("N")
      ->group(kGroup);
  return [state](const CompressChoice& choice) {
    const Preset& preset = kPresets.at(choice.preset);
    CompressOptions made = state->options;
    made.train_steps = choice.train_steps.value_or(preset.train_steps);
    made.train_batch = choice.train_batch;
    made.f0 = state->f0.value_or(choice.preset == "fast" ? F0Form::kMotion : F0Form::kAuto);
    made.carrier_steps = state->carrier_steps.value_or(preset.carrier_steps);
    made.edit_rounds = state->edit_rounds.value_or(preset.edit_rounds);
    made.hops = state->hops.value_or(preset.hops);
    made.mask_level = choice.level.value_or(preset.mask_level);
    made.seed = choice.seed;
    made.from = choice.from;
    made.stages = choice.stages;
    made.time_limit_seconds = choice.time_limit_seconds;
    return std::any(made);
  };
}

}  // namespace

extern const CodecCommandLine kCommandLine;
const CodecCommandLine kCommandLine = {.codec = "strict",
                                       .add_compress = AddCompressOptions,
                                       .class_maps = true,
                                       .stages = {"renderer", "carrier", "edits", "hops"}};

}  // namespace kitsink::strict
