#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "kitsink/archive.h"
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
  LoadedArchive archive;
  ArchiveAnatomy anatomy;
  uint32_t map_width = 0, map_height = 0, num_pairs = 0;
  uint64_t num_weights = 0;
  size_t num_tails = 0;
  std::optional<RawCheck> raw;
  double seconds = 0;
};

Result<Verified> Verify(const State& state, Progress& progress) {
  const auto begin = std::chrono::steady_clock::now();
  const Limits& limits = state.job.limits;
  Verified verified;
  KIT_ASSIGN(verified.archive, LoadArchive(state.archive, limits));
  const Bytes& member = verified.archive.member;
  ArchiveFacts facts;
  const auto decode = [&]() -> Status {
    KIT_ASSIGN(verified.anatomy, ReadAnatomy(member, limits));
    KIT_ASSIGN(const Scene scene, DecodeMember(member, state.job.threads, limits, progress));
    facts = {verified.archive.sha256, scene.frame_size, scene.mask.count};
    verified.map_width = scene.mask.width;
    verified.map_height = scene.mask.height;
    verified.num_pairs = scene.mask.count;
    for (const TensorSpec& spec : GeneratorTensors(scene.weights.shape)) verified.num_weights += spec.num_values();
    verified.num_tails = MeasureSelectors(scene.selectors).size();
    return CheckSearchable(scene);
  };
  if (const Status status = decode(); !status.ok()) return Within(state.archive.string(), status.error());
  if (!state.against.empty()) {
    KIT_ASSIGN(verified.raw, CheckRaw(state.against, facts));
  }
  verified.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return verified;
}

void Print(const State& state, const Verified& verified) {
  const ArchiveAnatomy& anatomy = verified.anatomy;
  std::printf("%s: whole, %" PRIu64 " bytes, sha256 %s\n", state.archive.string().c_str(), verified.archive.size_bytes,
              verified.archive.sha256.c_str());
  std::printf("  zip       one stored member, CRC-32 right\n");
  std::printf("  header    check byte right, streams agree\n");
  std::printf("  stream m  %10" PRIu64 " bytes  %u class maps of %u x %u, CRC-32 right\n", anatomy.mask_bytes,
              verified.num_pairs, verified.map_width, verified.map_height);
  std::printf("  stream w  %10" PRIu64 " bytes  %" PRIu64 " weights, CRC-16 right\n", anatomy.weights_bytes,
              verified.num_weights);
  std::printf("  stream p  %10" PRIu64 " bytes  %u poses, CRC-16 right\n", anatomy.pose_bytes, verified.num_pairs);
  std::printf("  stream r  %10" PRIu64 " bytes  %zu tails\n", anatomy.selectors_bytes, verified.num_tails);
  if (verified.raw.has_value()) {
    const RawCheck& raw = *verified.raw;
    std::printf("  frames    %s: %s%" PRIu64 " pairs\n", raw.raw.string().c_str(),
                raw.has_manifest ? "inflated from this archive, " : "", raw.num_pairs);
    if (!raw.raw_sha256.empty()) {
      std::printf("            %" PRIu64 " bytes, sha256 %s%s\n", raw.raw_bytes, raw.raw_sha256.c_str(),
                  raw.has_manifest ? " as the manifest says" : "");
    }
    for (const std::string& note : raw.notes) std::printf("  note: %s\n", note.c_str());
  }
  std::printf("  verified in %.1f s\n", verified.seconds);
}

Json ToJson(const State& state, const Verified& verified) {
  Json json = {{"path", state.archive.string()},       {"whole", true},
               {"bytes", verified.archive.size_bytes}, {"sha256", verified.archive.sha256},
               {"num_pairs", verified.num_pairs},      {"seconds", verified.seconds}};
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
  AddThreadsOption(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink verify drive.zip\n"
      "  kitsink verify drive.zip --against out/\n"
      "  kitsink verify drive.zip --against out/drive.json --json\n"
      "Decodes every stream to its last integer and compares every checksum; needs no nets and writes nothing. "
      "Without\n"
      "a manifest beside the .raw only its size is compared. Exit code 0: whole; 1: damaged, and a sentence says "
      "where.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
