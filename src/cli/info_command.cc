#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "kitsink/archive.h"
#include "kitsink/contest.h"
#include "kitsink/manifest.h"

namespace kitsink {
namespace {

using Json = nlohmann::ordered_json;

struct State {
  std::filesystem::path archive, original;
  uint64_t original_bytes = 0;
  bool classes = false;
  JobOptions job;
  OutputOptions output;
};

struct Info {
  ZipListing zip;  // no members for a folder
  uint64_t original_bytes = kContestClip.size_bytes;
  const char* original_from = "the contest's video";
  std::optional<MemberDescription> scene;  // unless the archive is another's
  std::string why_not;

  double Score(double bytes) const { return 25 * bytes / static_cast<double>(original_bytes); }
};

// A stream or the shell around them, with the parts that are known.
struct Row {
  const char* stream;
  uint64_t bytes;
  std::string what;
  const std::vector<StreamPart>* parts;
};

std::string Number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::vector<Row> RowsOf(const Info& info) {
  static const std::vector<StreamPart> kNone;
  const MemberDescription& scene = *info.scene;
  const MaskInfo& mask = scene.mask;
  const double pixels = static_cast<double>(mask.width) * mask.height * mask.count;
  const auto mask_bytes = static_cast<double>(scene.anatomy.mask_bytes);
  std::string maps = std::to_string(mask.count) + " class maps of " + std::to_string(mask.width) + " x " +
                     std::to_string(mask.height) + ", " + std::to_string(mask.num_classes) + " classes, " +
                     (mask.stored ? "stored" : "level " + std::to_string(mask.level)) +
                     Number(", %.1f bytes a pair", mask_bytes / mask.count) +
                     Number(", %.6f bits a pixel", 8 * mask_bytes / pixels);
  const std::string weights = std::to_string(scene.num_weights) + " weights of the generator" +
                              Number(", %.3f bits each", 8 * static_cast<double>(scene.anatomy.weights_bytes) /
                                                             static_cast<double>(scene.num_weights));
  const std::string poses = std::to_string(mask.count) + " poses of " + std::to_string(scene.pose_columns) +
                            " values, version " + std::to_string(static_cast<int>(scene.pose_kind)) +
                            Number(", %.2f bytes a pair", static_cast<double>(scene.anatomy.pose_bytes) / mask.count);
  return {{"zip", info.zip.size_bytes - scene.anatomy.member_bytes, "container", &kNone},
          {"header", scene.anatomy.header_bytes, "", &kNone},
          {"m", scene.anatomy.mask_bytes, std::move(maps), &scene.mask_parts},
          {"w", scene.anatomy.weights_bytes, weights, &scene.weights_parts},
          {"p", scene.anatomy.pose_bytes, poses, &scene.pose_parts},
          {"r", scene.anatomy.selectors_bytes, "selectors", &scene.selectors_parts}};
}

void PrintPart(const Info& info, const StreamPart& part) {
  const double bytes = part.bits / 8;
  std::printf("    %-22s %12.1f %7.2f %% %12.8f", part.name.c_str(), bytes,
              100 * bytes / static_cast<double>(info.zip.size_bytes), info.Score(bytes));
  if (part.count > 0) {
    std::printf("  %" PRIu64 " x %.4f bits", part.count, part.bits / static_cast<double>(part.count));
  }
  std::printf("\n");
}

void PrintScene(const Info& info, bool with_parts) {
  std::printf("  %-24s %12s %9s %12s\n", "stream", "bytes", "share", "score");
  for (const Row& row : RowsOf(info)) {
    std::printf("  %-24s %12" PRIu64 " %7.2f %% %12.8f  %s\n", row.stream, row.bytes,
                100 * static_cast<double>(row.bytes) / static_cast<double>(info.zip.size_bytes),
                info.Score(static_cast<double>(row.bytes)), row.what.c_str());
    if (!with_parts) continue;
    for (const StreamPart& part : *row.parts) PrintPart(info, part);
  }
  const std::vector<double>& bits = info.scene->map_bits;
  if (bits.empty()) return;
  const auto [least, most] = std::ranges::minmax_element(bits);
  std::printf("  class maps of a pair: %.1f to %.1f bytes, most in pair %td\n", *least / 8, *most / 8,
              most - bits.begin());
}

void PrintMembers(const Info& info) {
  for (const ZipMember& member : info.zip.members) {
    std::printf("  member %s: method %d, %" PRIu64 " bytes, unfolds to %" PRIu64 ", CRC-32 %08x, score %.8f\n",
                Quoted(member.name).c_str(), member.method, member.packed_bytes, member.size_bytes, member.crc,
                info.Score(static_cast<double>(member.packed_bytes)));
    std::printf("    sha256 %s\n", member.sha256.empty() ? "unknown, no such method here" : member.sha256.c_str());
  }
}

void Print(const State& state, const Info& info) {
  const std::string path = state.archive.string();
  const auto bytes = static_cast<double>(info.zip.size_bytes);
  if (info.scene.has_value()) {
    std::printf("%s: kitsink archive, format 1, codec search, %u pairs of %u x %u frames\n", path.c_str(),
                info.scene->mask.count, info.scene->frame_size.width, info.scene->frame_size.height);
  } else {
    std::printf("%s: zip of %zu members, not one that kitsink inflates: %s\n", path.c_str(), info.zip.members.size(),
                info.why_not.c_str());
  }
  std::printf("  %" PRIu64 " bytes, score %.8f = 25 * bytes / %" PRIu64 " (%s)\n", info.zip.size_bytes,
              info.Score(bytes), info.original_bytes, info.original_from);
  std::printf("  sha256 %s\n", info.zip.sha256.c_str());
  if (info.scene.has_value()) PrintScene(info, state.classes || state.output.verbosity > 0);
  if (!info.scene.has_value() || state.output.verbosity > 0) PrintMembers(info);
}

Json ToJson(const State& state, const Info& info) {
  const auto with_score = [&info](Json json, double bytes) {
    json["bytes"] = bytes;
    json["share"] = bytes / static_cast<double>(info.zip.size_bytes);
    json["score"] = info.Score(bytes);
    return json;
  };
  Json json = {{"path", state.archive.string()},
               {"bytes", info.zip.size_bytes},
               {"sha256", info.zip.sha256},
               {"original_bytes", info.original_bytes},
               {"original_from", info.original_from},
               {"rate_term", info.Score(static_cast<double>(info.zip.size_bytes))},
               {"codec", info.scene.has_value() ? Json("search") : Json()}};
  json["members"] = Json::array();
  for (const ZipMember& member : info.zip.members) {
    json["members"].push_back({{"name", member.name},
                               {"method", member.method},
                               {"packed_bytes", member.packed_bytes},
                               {"bytes", member.size_bytes},
                               {"crc32", member.crc},
                               {"sha256", member.sha256.empty() ? Json() : Json(member.sha256)}});
  }
  if (!info.scene.has_value()) {
    json["why_not_kitsink"] = info.why_not;
    return json;
  }
  const MemberDescription& scene = *info.scene;
  json["format"] = 1;
  json["frame_size"] = {scene.frame_size.width, scene.frame_size.height};
  json["num_pairs"] = scene.mask.count;
  json["class_maps"] = {{"width", scene.mask.width},
                        {"height", scene.mask.height},
                        {"classes", scene.mask.num_classes},
                        {"level", scene.mask.level},
                        {"stored", scene.mask.stored}};
  json["pose_columns"] = scene.pose_columns;
  json["num_weights"] = scene.num_weights;
  for (const Row& row : RowsOf(info)) {
    Json stream = with_score(Json::object(), static_cast<double>(row.bytes));
    stream["bytes"] = row.bytes;
    stream["parts"] = Json::array();
    for (const StreamPart& part : *row.parts) {
      Json entry = with_score({{"name", part.name}}, part.bits / 8);
      if (part.count > 0) entry["count"] = part.count;
      stream["parts"].push_back(std::move(entry));
    }
    json["streams"][row.stream] = std::move(stream);
  }
  if (!scene.map_bits.empty()) {
    json["map_bytes"] = Json::array();
    for (const double bits : scene.map_bits) json["map_bytes"].push_back(bits / 8);
  }
  return json;
}

Result<Info> Inspect(const State& state, Progress& progress) {
  Info info;
  std::error_code error;
  if (std::filesystem::is_directory(state.archive, error)) {
    KIT_ASSIGN(const LoadedArchive archive, LoadArchive(state.archive, state.job.limits));
    info.zip = {archive.size_bytes, archive.sha256, {}};
  } else {
    KIT_ASSIGN(info.zip, ListZip(state.archive, state.job.limits));
  }
  if (!state.original.empty()) {
    KIT_ASSIGN(info.original_bytes, FileSize(state.original));
    info.original_from = "--original";
  } else if (state.original_bytes > 0) {
    info.original_bytes = state.original_bytes;
    info.original_from = "--original-bytes";
  } else if (const auto bytes = OriginalBytesOf(state.archive, info.zip.sha256); bytes.has_value()) {
    info.original_bytes = *bytes;
    info.original_from = "the archive's manifest";
  }
  if (info.original_bytes == 0) {
    return Error{Code::kInvalidArgument, state.original.string() + ": is empty, expected the original video"};
  }
  const auto describe = [&]() -> Result<MemberDescription> {
    KIT_ASSIGN(const Bytes member, LoadMember(state.archive, state.job.limits));
    return DescribeMember(member, state.classes, state.job.threads, state.job.limits, progress);
  };
  Result<MemberDescription> scene = describe();
  if (scene.ok()) info.scene = scene.TakeValue();
  // Foreign or damaged: what any zip tells is told all the same, unless the user asked for more or interrupted.
  if (!scene.ok() && (state.classes || scene.error().code == Code::kIo)) return scene.error();
  if (!scene.ok()) info.why_not = scene.error().message;
  return info;
}

int Run(const State& state) {
  Progress& progress = StartOutput(state.output);
  const Result<Info> info = Inspect(state, progress);
  if (!info.ok()) return Fail("info", info.error());
  if (state.output.json) {
    PrintJson(ToJson(state, info.value()));
  } else if (!state.output.quiet) {
    Print(state, info.value());
  }
  return kExitDone;
}

}  // namespace

void AddInfo(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("info", "Tell what an archive is and what its bytes are spent on");
  const auto state = std::make_shared<State>();
  verb->add_option("ARCHIVE", state->archive, "A zip, ours or any other, or the folder that ours was extracted to")
      ->required()
      ->type_name("FILE");
  verb->add_flag("--classes", state->classes,
                 "Also decode the class maps and tell what each class and each pair costs; takes as long as verify");
  CLI::Option* const original =
      verb->add_option("--original", state->original, "The original video, whose bytes the score divides by")
          ->type_name("FILE");
  verb->add_option("--original-bytes", state->original_bytes,
                   "The same as a number; default: what ARCHIVE.json says, else the contest's 37545489")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 60))
      ->type_name("N")
      ->excludes(original);
  AddThreadsOption(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink info drive.zip -v\n"
      "  kitsink info drive.zip --classes --json\n"
      "  kitsink info submissions/other/archive.zip\n"
      "One byte costs 25 / original bytes of score. Parts of a stream share its bytes as an ideal coder would charge\n"
      "them: a decision about a pixel belongs to the class that it settles on. Needs no nets.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
