// Runs `kitsink verify`: checks an archive and frames inflated from it.

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "kitsink/manifest.h"

namespace kitsink {
namespace {

using Json = nlohmann::ordered_json;

struct State {
  std::filesystem::path archive, against;
  JobOptions job;
  OutputOptions output;
};

struct Verified {
  DescribedArchive archive;
  std::optional<RawCheck> raw;
  double seconds = 0;
};

Result<Verified> Verify(const State& state, Progress& progress) {
  const Stopwatch watch;
  Verified verified;
  KIT_ASSIGN(verified.archive, DescribeArchive(state.archive, DescribeDepth::kWhole, state.job, progress));
  if (!state.against.empty()) {
    const DescribedArchive& archive = verified.archive;
    KIT_ASSIGN(verified.raw,
               CheckRaw(state.against, {archive.sha256, archive.frame_size, archive.description.num_pairs}));
  }
  verified.seconds = watch.seconds();
  return verified;
}

void Print(const State& state, const Verified& verified) {
  const DescribedArchive& archive = verified.archive;
  std::printf("%s: whole, %" PRIu64 " bytes, sha256 %s\n", state.archive.string().c_str(), archive.archive_bytes,
              archive.sha256.c_str());
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(state.archive, ignored);
  std::printf(folder ? "  folder     one file\n" : "  zip        one stored member, CRC-32 right\n");
  if (archive.format_version > 0) std::printf("  header     check byte right, sections agree\n");
  for (const SectionUse& section : archive.description.sections) {
    std::printf("  section %-8s %10" PRIu64 " bytes  %s\n", section.name.c_str(), section.size_bytes,
                section.what.c_str());
  }
  if (folder && archive.format_version == 0) std::printf("  note: this form has no checksum outside of its zip\n");
  if (verified.raw.has_value()) {
    const RawCheck& raw = *verified.raw;
    std::printf("  frames     %s: %s%" PRIu64 " pairs\n", raw.raw.string().c_str(),
                raw.has_manifest ? "inflated from this archive, " : "", raw.num_pairs);
    if (!raw.raw_sha256.empty()) {
      std::printf("             %" PRIu64 " bytes, sha256 %s%s\n", raw.raw_bytes, raw.raw_sha256.c_str(),
                  raw.has_manifest ? " as the manifest says" : "");
    }
    for (const std::string& note : raw.notes) std::printf("  note: %s\n", note.c_str());
  }
  std::printf("  verified in %.1f s\n", verified.seconds);
}

Json ToJson(const State& state, const Verified& verified) {
  Json json = {{"path", state.archive.string()},
               {"whole", true},
               {"codec", verified.archive.format->name},
               {"bytes", verified.archive.archive_bytes},
               {"sha256", verified.archive.sha256},
               {"num_pairs", verified.archive.description.num_pairs},
               {"seconds", verified.seconds}};
  if (!verified.raw.has_value()) return json;
  const RawCheck& raw = *verified.raw;
  json["against"] = {
      {"raw", raw.raw.string()}, {"num_pairs", raw.num_pairs}, {"manifest", raw.has_manifest}, {"notes", raw.notes}};
  if (!raw.raw_sha256.empty()) {
    json["against"]["bytes"] = raw.raw_bytes;
    json["against"]["sha256"] = raw.raw_sha256;
  }
  return json;
}

int Run(const State& state) {
  Progress& progress = StartOutput(state.output);
  const Result<Verified> verified = Verify(state, progress);
  if (!verified.ok()) {
    if (state.output.json) {
      PrintJson({{"path", state.archive.string()}, {"whole", false}, {"error", verified.error().message}});
    }
    return Fail("verify", verified.error());
  }
  if (state.output.json) {
    PrintJson(ToJson(state, verified.value()));
  } else if (!state.output.quiet) {
    Print(state, verified.value());
  }
  return kExitDone;
}

}  // namespace

void AddVerify(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("verify", "Check that an archive is whole and that frames belong to it");
  const auto state = std::make_shared<State>();
  verb->add_option("ARCHIVE", state->archive, "The zip, or the folder it was extracted to")
      ->required()
      ->type_name("FILE");
  verb->add_option("--against", state->against,
                   "Frames that inflate wrote: NAME.raw, its manifest NAME.json, or their folder. Size, SHA-256, frame "
                   "size and pairs must be those of the manifest and of this archive")
      ->type_name("PATH");
  state->job.codecs = FormatCodecs();
  AddThreadsOption(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink verify drive.zip\n"
      "  kitsink verify drive.zip --against out/\n"
      "  kitsink verify drive.zip --against out/drive.json --json\n"
      "Decodes every section to its last integer and compares every checksum; needs no nets and writes nothing. "
      "Without\n"
      "a manifest beside the .raw only its size is compared. Exit code 0: whole; 1: damaged, and a sentence says "
      "where.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
