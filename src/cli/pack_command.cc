// Runs `kitsink unpack`, `pack` and `repack`: converts archives to safetensors files and back.

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"

namespace kitsink {
namespace {

struct State {
  std::filesystem::path input, output;
  PackOptions options;
  JobOptions job;
  OutputOptions out;
};

void AddFiles(CLI::App& verb, State& state, const char* name, const char* input, const char* output) {
  verb.add_option(name, state.input, input)->required()->type_name("FILE");
  verb.add_option("-o,--output", state.output, output)->required()->type_name("FILE");
}

void AddLevel(CLI::App& verb, State& state) {
  AddChoice<int>(verb, "--level", state.options.level, MaskLevels<int>(),
                 "Coder of class maps: 1 fast .. 3 smallest; ctw: context-tree weighting");
}

void AddRest(CLI::App& verb, State& state) {
  state.job.codecs = FormatCodecs();
  AddForceOption(verb, state.job);
  AddThreadsOption(verb, state.job);
  AddOutputOptions(verb, state.out);
}

int RunUnpack(const State& state) {
  Progress& progress = StartOutput(state.out);
  const Result<uint64_t> bytes = Unpack(state.input, state.output, state.job, progress);
  if (!bytes.ok()) return Fail("unpack", bytes.error());
  if (state.out.json) {
    PrintJson({{"path", state.output.string()}, {"bytes", bytes.value()}});
  } else if (!state.out.quiet) {
    std::printf("%s: %llu bytes\n", state.output.string().c_str(), static_cast<unsigned long long>(bytes.value()));
  }
  return kExitDone;
}

int Finish(const State& state, const char* verb, const Result<PackReport>& result) {
  if (!result.ok()) return Fail(verb, result.error());
  const PackReport& report = result.value();
  if (state.out.json) {
    nlohmann::ordered_json json = {{"path", state.output.string()},
                                   {"codec", report.codec},
                                   {"bytes", report.archive_bytes},
                                   {"sha256", report.archive_sha256}};
    if (report.before_bytes > 0) json["before_bytes"] = report.before_bytes;
    PrintJson(json);
  } else if (!state.out.quiet) {
    std::printf("%s: codec %s, %llu bytes", state.output.string().c_str(), report.codec.c_str(),
                static_cast<unsigned long long>(report.archive_bytes));
    if (report.before_bytes > 0) {
      std::printf(", %+lld against the %llu before",
                  static_cast<long long>(report.archive_bytes) - static_cast<long long>(report.before_bytes),
                  static_cast<unsigned long long>(report.before_bytes));
    }
    std::printf("\n");
  }
  return kExitDone;
}

}  // namespace

void AddUnpack(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("unpack", "Write what an archive stores as named tensors");
  const auto state = std::make_shared<State>();
  AddFiles(*verb, *state, "ARCHIVE", "The zip, or the folder it was extracted to", "The tensors, one safetensors file");
  AddRest(*verb, *state);
  verb->footer(
      "Examples:\n"
      "  kitsink unpack drive.zip -o drive.safetensors\n"
      "Integers stay integers. The file's metadata hold codec, frame_width and frame_height; each codec's FORMAT.md "
      "lists\n"
      "its tensors. kitsink pack turns the file into the same archive at the same level.");
  verb->callback([state, &action] { action = [state] { return RunUnpack(*state); }; });
}

void AddPack(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("pack", "Make the smallest archive of named tensors");
  const auto state = std::make_shared<State>();
  AddFiles(*verb, *state, "TENSORS", "A safetensors file as kitsink unpack writes it", "The archive, a zip");
  AddLevel(*verb, *state);
  AddRest(*verb, *state);
  verb->footer(
      "Examples:\n"
      "  kitsink pack scene.safetensors -o scene.zip\n"
      "The file's metadata must hold codec; frame_width and frame_height default to the contest's 1164 and 874.");
  verb->callback([state, &action] {
    action = [state] {
      Progress& progress = StartOutput(state->out);
      return Finish(*state, "pack", Pack(state->input, state->output, state->options, state->job, progress));
    };
  });
}

void AddRepack(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("repack", "Code an archive's contents again, without loss");
  const auto state = std::make_shared<State>();
  AddFiles(*verb, *state, "ARCHIVE", "The zip, or the folder it was extracted to", "The new archive, a zip");
  AddLevel(*verb, *state);
  AddRest(*verb, *state);
  verb->footer(
      "Examples:\n"
      "  kitsink repack drive.zip -o smaller.zip\n"
      "The same as unpack and then pack, and the new archive is decoded again before it gets its name. A manifest\n"
      "beside the archive goes along. Archives of other programs that a codec reads become archives of kitsink.");
  verb->callback([state, &action] {
    action = [state] {
      Progress& progress = StartOutput(state->out);
      return Finish(*state, "repack", Repack(state->input, state->output, state->options, state->job, progress));
    };
  });
}

}  // namespace kitsink
