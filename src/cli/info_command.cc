// Runs `kitsink info`: shows the contents of an archive and the cost of its parts.

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "kitsink/contest.h"

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
  OriginalSize original;
  std::optional<DescribedArchive> archive;  // nothing for an archive that kitsink cannot read
  std::string why_not;

  double Score(double bytes) const { return ScorePerByte(original.bytes) * bytes; }
};

// The container and the header, then the sections.
std::vector<SectionUse> RowsOf(const DescribedArchive& archive) {
  std::vector<SectionUse> rows = {{"zip", "container", archive.container_bytes, "container", {}}};
  if (archive.format_version > 0) rows.push_back({"header", "header", archive.header_bytes, "", {}});
  const std::vector<SectionUse>& sections = archive.description.sections;
  rows.insert(rows.end(), sections.begin(), sections.end());
  return rows;
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

void PrintSections(const Info& info, bool with_parts) {
  std::printf("  %-24s %12s %9s %12s\n", "section", "bytes", "share", "score");
  for (const SectionUse& row : RowsOf(*info.archive)) {
    std::printf("  %-24s %12" PRIu64 " %7.2f %% %12.8f  %s\n", row.name.c_str(), row.size_bytes,
                100 * static_cast<double>(row.size_bytes) / static_cast<double>(info.zip.size_bytes),
                info.Score(static_cast<double>(row.size_bytes)), row.what.c_str());
    if (!with_parts) continue;
    for (const StreamPart& part : row.parts) PrintPart(info, part);
  }
  const std::vector<double>& bits = info.archive->description.pair_bits;
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
  if (info.archive.has_value()) {
    const DescribedArchive& archive = *info.archive;
    const std::string format = archive.format_version > 0
                                   ? "kitsink archive, format " + std::to_string(archive.format_version)
                                   : "archive of another program";
    std::printf("%s: %s, codec %s, %" PRIu64 " pairs of %u x %u frames\n", path.c_str(), format.c_str(),
                std::string(archive.format->name).c_str(), archive.description.num_pairs, archive.frame_size.width,
                archive.frame_size.height);
  } else {
    const size_t count = info.zip.members.size();
    std::printf("%s: zip of %zu member%s, not one that kitsink inflates: %s\n", path.c_str(), count,
                count == 1 ? "" : "s", info.why_not.c_str());
  }
  std::printf("  %" PRIu64 " bytes, score %.8f = 25 * bytes / %" PRIu64 " (%s)\n", info.zip.size_bytes,
              info.Score(bytes), info.original.bytes, info.original.from.c_str());
  std::printf("  sha256 %s\n", info.zip.sha256.c_str());
  if (info.archive.has_value()) PrintSections(info, state.classes || state.output.verbosity > 0);
  if (!info.archive.has_value() || state.output.verbosity > 0) PrintMembers(info);
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
               {"original_bytes", info.original.bytes},
               {"original_from", info.original.from},
               {"rate_term", info.Score(static_cast<double>(info.zip.size_bytes))},
               {"codec", info.archive.has_value() ? Json(info.archive->format->name) : Json()}};
  json["members"] = Json::array();
  for (const ZipMember& member : info.zip.members) {
    json["members"].push_back({{"name", member.name},
                               {"method", member.method},
                               {"packed_bytes", member.packed_bytes},
                               {"bytes", member.size_bytes},
                               {"crc32", member.crc},
                               {"sha256", member.sha256.empty() ? Json() : Json(member.sha256)}});
  }
  if (!info.archive.has_value()) {
    json["why_not_kitsink"] = info.why_not;
    return json;
  }
  const DescribedArchive& archive = *info.archive;
  json["format"] = archive.format_version;
  json["nets_at_inflate"] = archive.format->nets_at_inflate;
  json["frame_size"] = {archive.frame_size.width, archive.frame_size.height};
  json["num_pairs"] = archive.description.num_pairs;
  const Json facts = Json::parse(archive.description.facts);
  for (const auto& [key, value] : facts.items()) json[key] = value;
  for (const SectionUse& row : RowsOf(archive)) {
    Json section = with_score(Json::object(), static_cast<double>(row.size_bytes));
    section["bytes"] = row.size_bytes;
    section["parts"] = Json::array();
    for (const StreamPart& part : row.parts) {
      Json entry = with_score({{"name", part.name}}, part.bits / 8);
      if (part.count > 0) entry["count"] = part.count;
      section["parts"].push_back(std::move(entry));
    }
    json["sections"][row.name] = std::move(section);
  }
  if (!archive.description.pair_bits.empty()) {
    json["map_bytes"] = Json::array();
    for (const double bits : archive.description.pair_bits) json["map_bytes"].push_back(bits / 8);
  }
  return json;
}

Result<Info> Inspect(const State& state, Progress& progress) {
  Info info;
  std::error_code error;
  if (std::filesystem::is_directory(state.archive, error)) {
    KIT_ASSIGN(const LoadedArchive archive, state.job.codecs.Load(state.archive, state.job.limits));
    info.zip = {archive.size_bytes, archive.sha256, {}};
  } else {
    KIT_ASSIGN(info.zip, ListZip(state.archive, state.job.limits));
  }
  KIT_ASSIGN(info.original, FindOriginalSize(state.archive, info.zip.sha256, state.original, state.original_bytes));
  const DescribeDepth depth = state.classes ? DescribeDepth::kMeasured : DescribeDepth::kQuick;
  Result<DescribedArchive> archive = DescribeArchive(state.archive, depth, state.job, progress);
  if (archive.ok()) {
    info.archive = archive.TakeValue();
    return info;
  }
  // For an archive that kitsink cannot read, show only the zip's members. Other errors, and --classes, fail.
  const Code code = archive.error().code;
  if (state.classes || code == Code::kIo || code == Code::kInterrupted) return archive.error();
  info.why_not = archive.error().message;
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
  state->job.codecs = FormatCodecs();
  AddThreadsOption(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink info drive.zip -v\n"
      "  kitsink info drive.zip --classes --json\n"
      "  kitsink info submissions/other/archive.zip\n"
      "One byte costs 25 / original bytes of score. Parts of a section share its bytes as an ideal coder would charge\n"
      "them: a decision about a pixel belongs to the class that it settles on. Needs no nets.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
