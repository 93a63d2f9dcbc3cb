// Adds codec video's own options to compress.

#include <map>
#include <memory>

#include "cli/codec_options.h"
#include "cli/command.h"
#include "codecs/video/options.h"

namespace kitsink::video {
namespace {

constexpr const char* kGroup = "Codec video";

struct Preset {
  uint32_t tries, sample_pairs, filter_widths, filter_steps;
  int effort;
};

const std::map<std::string, Preset> kPresets = {
    {"fast", {14, 16, 1, 500, 8}}, {"default", {24, 32, 2, 2000, 6}}, {"best", {60, 64, 3, 20000, 4}}};

std::function<std::any(const CompressChoice&)> AddCompressOptions(CLI::App& verb) {
  struct State {
    CompressOptions options;
    std::string coding = "auto";
    std::optional<uint32_t> tries, sample_pairs, filter_width, filter_widths, filter_steps;
    std::optional<int> effort;
  };
  const auto state = std::make_shared<State>();
  verb.add_option("--coding", state->coding, "Of the stream: av1, hevc, or auto = the better by score")
      ->check(CLI::IsMember({"auto", "av1", "hevc"}))
      ->capture_default_str()
      ->type_name("auto|av1|hevc")
      ->group(kGroup);
  verb.add_option("--crf", state->options.crf,
                  "The encoder's quality number, of hevc up to 51; by default chosen by score")
      ->check(CLI::Range(1, 63))
      ->type_name("N")
      ->group(kGroup);
  verb.add_option_function<std::string>(
          "--size", [state](const std::string& text) { state->options.size = ParseSize(text); },
          "Of the stream's pictures, even sides up to 512x384, of av1 from 64; by default chosen by score")
      ->type_name("WxH")
      ->group(kGroup);
  verb.add_option("--encoder-options", state->options.encoder_options,
                  "More options for FFmpeg's encoder, for instance svtav1-params=film-grain=8")
      ->type_name("KEY=VALUE:...")
      ->group(kGroup);
  verb.add_option("--effort", state->effort,
                  "Preset of the AV1 encoder, 0 slowest to 12; presets: fast 8, default 6, best 4")
      ->check(CLI::Range(0, 12))
      ->type_name("N")
      ->group(kGroup);
  verb.add_option("--tries", state->tries,
                  "Most streams that are encoded and scored to choose one; presets: fast 14, default 24, best 60")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N")
      ->group(kGroup);
  verb.add_option("--sample-pairs", state->sample_pairs,
                  "Successive pairs on which streams are tried; presets: fast 16, default 32, best 64")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N")
      ->group(kGroup);
  verb.add_option(
          "--filter-width", state->filter_width,
          "Channels of the restoration filter, a multiple of 8 up to 64, 0 = none; by default 8, and wider ones "
          "are tried")
      ->type_name("N")
      ->group(kGroup);
  verb.add_option("--filter-widths", state->filter_widths,
                  "Most widths to train, each twice the last, while that lowers the score; presets: fast 1, default 2, "
                  "best 3; 1 with --filter-width")
      ->check(CLI::Range(1, 4))
      ->type_name("N")
      ->group(kGroup);
  verb.add_option("--filter-steps", state->filter_steps,
                  "Steps of each training of the filter, a pair each; presets: fast 500, default 2000, best 20000")
      ->type_name("N")
      ->group(kGroup);
  return [state](const CompressChoice& choice) {
    const Preset& preset = kPresets.at(choice.preset);
    CompressOptions made = state->options;
    if (state->coding == "av1") made.coding = StreamCoding::kAv1;
    if (state->coding == "hevc") made.coding = StreamCoding::kHevc;
    made.tries = state->tries.value_or(preset.tries);
    made.sample_pairs = state->sample_pairs.value_or(preset.sample_pairs);
    made.effort = state->effort.value_or(preset.effort);
    made.filter_width = state->filter_width.value_or(made.filter_width);
    made.filter_widths = state->filter_widths.value_or(state->filter_width.has_value() ? 1 : preset.filter_widths);
    made.filter_steps = state->filter_steps.value_or(preset.filter_steps);
    made.seed = choice.seed;
    return std::any(made);
  };
}

}  // namespace

extern const CodecCommandLine kCommandLine;
const CodecCommandLine kCommandLine = {.codec = "video", .add_compress = AddCompressOptions, .shards = false};

}  // namespace kitsink::video
