// Runs `kitsink mask`: encodes, decodes and describes class maps.

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/engine.h"

namespace kitsink {
namespace {

struct State {
  MaskEncodeOptions encode;
  std::filesystem::path input, output;
  JobOptions job;
  OutputOptions out;
};

// Pictures need the engine; files of ids do not.
Result<MaskPictures> OpenPictures(bool needed) {
  if (!needed) return MaskPictures();
  KIT_ASSIGN(const Engine* const engine, OpenEngine());
  return engine->mask_pictures();
}

// Reports what a job found.
int Report(const State& state, const char* verb, const Result<MaskFileReport>& result) {
  if (!result.ok()) return Fail(verb, result.error());
  const MaskFileReport& report = result.value();
  const double bits = 8.0 * static_cast<double>(report.stream_bytes) / static_cast<double>(report.raw_bytes);
  if (state.out.json) {
    const nlohmann::ordered_json json = {{"width", report.info.width},     {"height", report.info.height},
                                         {"count", report.info.count},     {"num_classes", report.info.num_classes},
                                         {"version", report.info.version}, {"level", report.info.level},
                                         {"raw_bytes", report.raw_bytes},  {"stream_bytes", report.stream_bytes},
                                         {"bits_per_pixel", bits},         {"seconds", report.seconds}};
    std::printf("%s\n", json.dump(2).c_str());
  } else if (!state.out.quiet) {
    std::printf("%u maps of %u x %u, %u classes, level %s: %llu bytes, %.6f bits per pixel, %.1f bytes per map",
                report.info.count, report.info.width, report.info.height, report.info.num_classes,
                MaskLevelName(report.info.level).c_str(), static_cast<unsigned long long>(report.stream_bytes), bits,
                static_cast<double>(report.stream_bytes) / report.info.count);
    if (report.seconds > 0) std::printf(", %.2f s", report.seconds);
    std::printf("\n");
  }
  return kExitDone;
}

Result<MaskFileReport> Encode(const State& state) {
  Progress& progress = StartOutput(state.out);
  std::error_code error;
  KIT_ASSIGN(const MaskPictures pictures, OpenPictures(std::filesystem::is_directory(state.encode.input, error)));
  return EncodeMaskFile(state.encode, pictures, state.job, progress);
}

Result<MaskFileReport> Decode(const State& state) {
  Progress& progress = StartOutput(state.out);
  KIT_ASSIGN(const MaskPictures pictures, OpenPictures(state.output.extension() != ".u8"));
  return DecodeMaskFile(state.input, state.output, pictures, state.job, progress);
}

void AddEncode(CLI::App& mask, Action& action) {
  CLI::App* verb = mask.add_subcommand("encode", "Class ids to a stream m");
  const auto state = std::make_shared<State>();
  verb->add_option("INPUT", state->encode.input, "File of uint8 ids, map after map, or a folder of grey PNGs")
      ->required()
      ->type_name("PATH");
  verb->add_option_function<std::string>(
          "--size", [state](const std::string& text) { state->encode.size = ParseSize(text); },
          "Width and height of one map, for a file of ids")
      ->type_name("WxH");
  verb->add_option("-o,--output", state->encode.output, "The stream")->required()->type_name("FILE");
  AddChoice<int>(*verb, "--level", state->encode.level, MaskLevels<int>(),
                 "1 fast .. 3 smallest; ctw: context-tree weighting");
  verb->add_option("--classes", state->encode.num_classes, "Number of classes; 0 = the largest id plus one")
      ->check(CLI::Range(0, 16))
      ->type_name("N")
      ->capture_default_str();
  AddForceOption(*verb, state->job);
  AddThreadsOption(*verb, state->job);
  AddOutputOptions(*verb, state->out);
  verb->callback([state, &action] { action = [state] { return Report(*state, "mask encode", Encode(*state)); }; });
}

void AddDecode(CLI::App& mask, Action& action) {
  CLI::App* verb = mask.add_subcommand("decode", "A stream m to class ids");
  const auto state = std::make_shared<State>();
  verb->add_option("INPUT", state->input, "The stream")->required()->type_name("FILE");
  verb->add_option("-o,--output", state->output, "FILE.u8 for the ids, or a folder for PNGs")
      ->required()
      ->type_name("PATH");
  AddForceOption(*verb, state->job);
  AddThreadsOption(*verb, state->job);
  AddOutputOptions(*verb, state->out);
  verb->callback([state, &action] { action = [state] { return Report(*state, "mask decode", Decode(*state)); }; });
}

void AddMaskInfo(CLI::App& mask, Action& action) {
  CLI::App* verb = mask.add_subcommand("info", "What a stream m declares");
  const auto state = std::make_shared<State>();
  verb->add_option("INPUT", state->input, "The stream")->required()->type_name("FILE");
  AddOutputOptions(*verb, state->out);
  verb->callback([state, &action] {
    action = [state] {
      StartOutput(state->out);
      return Report(*state, "mask info", DescribeMaskFile(state->input, state->job));
    };
  });
}

}  // namespace

void AddMask(CLI::App& app, Action& action) {
  CLI::App* mask = app.add_subcommand("mask", "The class-map coder alone: encode, decode, info");
  mask->require_subcommand(1);
  AddEncode(*mask, action);
  AddDecode(*mask, action);
  AddMaskInfo(*mask, action);
  mask->footer(
      "Examples:\n"
      "  kitsink mask encode maps.u8 --size 512x384 -o maps.m --level 3\n"
      "  kitsink mask decode maps.m -o maps.u8\n"
      "  kitsink mask info maps.m --json");
}

}  // namespace kitsink
