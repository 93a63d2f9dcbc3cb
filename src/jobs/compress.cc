// Compresses a video to an archive with a chosen codec.

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "jobs/context.h"
#include "kitsink/contest.h"
#include "kitsink/hash.h"
#include "kitsink/jobs.h"
#include "kitsink/scorer.h"
#include "kitsink/train.h"

namespace kitsink {
namespace {

constexpr const char* kArchive = "archive.zip";

// Both tables of a codec.
struct ChosenCodec {
  const CodecFormat* format = nullptr;
  const CodecEngine* engine = nullptr;
};

Result<ChosenCodec> FindCodec(const std::string& name, const Codecs& codecs) {
  ChosenCodec chosen{codecs.Find(name), nullptr};
  if (chosen.format != nullptr) chosen.engine = codecs.FindEngine(chosen.format->id);
  if (chosen.engine != nullptr && chosen.engine->compress != nullptr) return chosen;
  return Error{Code::kInvalidArgument, "codec: got \"" + name + "\", expected one of " + CodecNames(codecs)};
}

void Merge(const Json& from, Json& into) {
  for (const auto& [key, value] : from.items()) into[key] = value;
}

// Everything that the entries of the job's folder depend on: the manifest without paths, which change when files move.
Json PlanOf(Json manifest, uint64_t end_pair) {
  manifest["original"].erase("path");
  manifest["original"].erase("path_hex");
  if (manifest.contains("nets")) manifest["nets"].erase("label");
  manifest["end_pair"] = end_pair;
  return manifest;
}

// Fills in the report's figures about the finished archive.
Status DescribeResult(const Member& member, const Bytes& zip, const ChosenCodec& codec, const CodingContext& context,
                      CompressReport& report) {
  KIT_ASSIGN(Description description, codec.format->describe(member, DescribeDepth::kQuick, context));
  report.num_pairs = description.num_pairs;
  report.archive_bytes = zip.size();
  report.archive_sha256 = Sha256Hex(zip);
  report.header_bytes = HeaderBytes(member);
  report.container_bytes = zip.size() - report.header_bytes;
  for (const SectionUse& section : description.sections) report.container_bytes -= section.size_bytes;
  report.sections = std::move(description.sections);
  return Ok();
}

Json FinalManifest(Json json, const Json& of_codec, const std::filesystem::path& archive, const Member& member,
                   const CompressReport& report) {
  Merge(of_codec, json);
  json["archive"] = DescribeFile(archive, report.archive_bytes, report.archive_sha256);
  json["frame_size"] = {member.frame_size.width, member.frame_size.height};
  json["num_pairs"] = report.num_pairs;
  json["sections"]["header"] = report.header_bytes;
  for (const SectionUse& section : report.sections) json["sections"][section.name] = section.size_bytes;
  return json;
}

Status MeetOthers(const Shard& shard, ResumeFolder& folder, Progress& progress) {
  CrewPlace place{folder.PathOf(ResumeFolder::kMeetingPoint), {}};
  place.lives = [folder, count = shard.count](uint64_t index) { return folder.Lives(Shard{index, count}.role()); };
  KIT_ASSIGN(std::unique_ptr<Crew> crew, MeetCrew(shard, place, progress));
  folder.SetCrew(std::move(crew));
  return Ok();
}

}  // namespace

Result<CompressReport> Compress(const CompressOptions& options, const JobOptions& job, Progress& progress) {
  const JobOutputs outputs{options.archive, options.archive.string() + ".json"};
  std::vector<std::filesystem::path> inputs = {options.video, options.ground_truth.dump,
                                               job.nets_folder / kContestSegNet.name,
                                               job.nets_folder / kContestPoseNet.name};
  inputs.insert(inputs.end(), options.inputs.begin(), options.inputs.end());
  KIT_TRY(CheckOutputs(outputs, job.overwrite, inputs));
  KIT_ASSIGN(const ChosenCodec codec, FindCodec(options.codec, job.codecs));
  CompressReport report;
  KIT_ASSIGN(report.original_bytes, VideoFileSize(options.video));
  KIT_ASSIGN(const std::string original_sha256, Sha256HexOfFile(options.video));
  Json json = ManifestHead("compress");
  json["codec"] = codec.format->name;
  json["original"] = DescribeFile(options.video, report.original_bytes, original_sha256);
  KIT_ASSIGN(const GroundTruthInfo frames, DescribeGroundTruth(options.ground_truth, original_sha256));
  json["ground_truth"] = {{"decoder", frames.decoder}, {"sha256", frames.frames_sha256}};

  Json of_codec;
  std::optional<ResumeFolder> folder;
  CompressContext context;
  FillContext(job, options.options, progress, context);
  context.video = options.video;
  context.ground_truth = options.ground_truth;
  context.pairs = job.pairs.value_or(PairRange{});
  context.original_bytes = report.original_bytes;
  context.manifest = &of_codec;
  json["first_pair"] = context.pairs.first;
  context.resume = [&](const Json& plan) -> Result<ResumeFolder> {
    Json whole = json;
    Merge(plan, whole);
    KIT_ASSIGN(folder, ResumeFolder::Open(outputs, PlanOf(std::move(whole), context.pairs.end), options.shard.role(),
                                          job.overwrite));
    KIT_TRY(MeetOthers(options.shard, *folder, progress));
    return *folder;
  };
  KIT_ASSIGN(const Member member, codec.engine->compress(context));
  KIT_CHECK(folder.has_value());
  KIT_TRY(folder->crew().Finish());
  if (!folder->crew().leads()) return report;

  KIT_ASSIGN(const Bytes bytes, WriteMember(member, job.limits));
  KIT_ASSIGN(const Bytes zip, PackZip(bytes));
  KIT_TRY(DescribeResult(member, zip, codec, context, report));
  KIT_TRY(WriteFile(folder->PathOf(kArchive), zip, Overwrite::kAllow));
  json = FinalManifest(std::move(json), of_codec, options.archive, member, report);
  report.remarks = std::move(context.remarks);
  if (json.contains("seconds")) {
    for (const auto& [stage, seconds] : json["seconds"].items()) report.seconds.emplace_back(stage, seconds);
  }
  report.json = ToText(json);
  KIT_TRY(folder->Publish(kArchive, report.json));
  return report;
}

}  // namespace kitsink
