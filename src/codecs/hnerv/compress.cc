// Compresses with codec hnerv: observes the video, then runs stages that each improve a scene, and measures each.

#include "codecs/hnerv/compress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "codecs/hnerv/foreign/foreign.h"
#include "codecs/hnerv/measure.h"
#include "codecs/hnerv/options.h"
#include "codecs/hnerv/polish.h"
#include "codecs/hnerv/scene.h"
#include "codecs/original.h"
#include "kitsink/file.h"

namespace kitsink::hnerv {
namespace {

// Everything that the stages share.
struct Job {
  CompressContext& context;
  CompressOptions options;
  std::unique_ptr<Nets> nets;
  std::vector<Observation> targets;
  ResumeFolder folder;
  Stopwatch watch;
  Scene scene;

  double seconds_left() const {
    return options.time_limit_seconds > 0 ? options.time_limit_seconds - watch.seconds() : INFINITY;
  }
};

Result<MeasuredScene> Measure(const Job& job, const Scene& scene) {
  return MeasureScene(scene, job.targets, *job.nets, job.context.original_bytes, job.context);
}

Json CountsJson(const ChangeCounts& counts) {
  return {{"codes", counts.codes}, {"corrections", counts.corrections}, {"modes", counts.modes}};
}

Status RunPolish(Job& job) {
  Polishing polishing;
  polishing.rounds = job.options.polish_rounds;
  polishing.candidates = job.options.polish_candidates;
  polishing.measure = [&job](const Scene& scene) { return Measure(job, scene); };
  polishing.expired = [&job] { return job.seconds_left() <= 0; };
  KIT_ASSIGN(PolishedScene polished, Polish(job.scene, job.targets, *job.nets, polishing, job.folder,
                                            job.context.threads, *job.context.progress));
  job.scene = std::move(polished.scene);
  Json rounds = Json::array();
  for (const PolishRound& round : polished.rounds) {
    rounds.push_back({{"tried", CountsJson(round.tried)},
                      {"made", CountsJson(round.made)},
                      {"paid_bytes", round.paid_bytes},
                      {"predicted_score", round.predicted},
                      {"score", round.measured},
                      {"kept", round.kept}});
  }
  return job.folder.Save("polish.rounds", rounds.dump());
}

// The stages after observing, in order. Each changes the scene.
struct Stage {
  const char* name;
  Status (*run)(Job& job);
  uint32_t CompressOptions::*rounds;  // 0 of them: the stage is left out
  const char* rounds_option;
};
constexpr Stage kStages[] = {{"polish", RunPolish, &CompressOptions::polish_rounds, "--polish-rounds"}};

bool MustRun(const CompressOptions& options, const Stage& stage) {
  if (options.*stage.rounds == 0) return false;
  return options.stages.empty() || std::ranges::find(options.stages, stage.name) != options.stages.end();
}

// Refuses to run a stage of no rounds.
Status CheckStages(const CompressOptions& options) {
  for (const Stage& stage : kStages) {
    if (std::ranges::find(options.stages, stage.name) == options.stages.end() || options.*stage.rounds > 0) continue;
    return Error{Code::kInvalidArgument,
                 std::string("--stages ") + stage.name + ": " + stage.rounds_option + " is 0, expected 1 or more"};
  }
  return Ok();
}

struct BroughtScene {
  Scene scene;
  std::string sha256;  // of the file
};

// Reads a tensor file, or an archive of kitsink or of another program of the family.
Result<BroughtScene> LoadScene(const std::filesystem::path& path, const CodingContext& context) {
  if (path.empty()) {
    return Error{Code::kInvalidArgument,
                 "--from is missing: codec hnerv cannot train a decoder yet, so it needs a scene or an archive"};
  }
  constexpr uint8_t kZip[] = {'P', 'K'};
  KIT_ASSIGN(const Bytes begin, ReadBegin(path, sizeof(kZip)));
  if (!std::ranges::equal(begin, kZip)) {
    KIT_ASSIGN(const LoadedTensors tensors, LoadTensorFile(path));
    Result<Scene> scene = SceneOfTensors(tensors.file, context.limits);
    if (!scene.ok()) return Within(path.string(), scene.error());
    return BroughtScene{scene.TakeValue(), tensors.sha256};
  }
  const auto recognise = [](std::span<const uint8_t> member) {
    return RecognisesForeign(member) ? kCodecId : CodecId{0};
  };
  KIT_ASSIGN(const LoadedArchive archive, LoadArchive(path, context.limits, recognise));
  if (archive.member.codec != kCodecId) {
    return Error{Code::kInvalidArgument, path.string() + ": is no archive of codec hnerv"};
  }
  Result<Scene> scene = DecodeScene(archive.member, context);
  if (!scene.ok()) return Within(path.string(), scene.error());
  return BroughtScene{scene.TakeValue(), archive.sha256};
}

// A line of the table of stages.
std::string RowText(const std::string& stage, const Score& score, double cpu_seconds) {
  char text[160];
  std::snprintf(text, sizeof(text), "%-9s %9llu  %10.8f  %12.4e  %8.4f  %8.4f  %8.4f  %8.1f", stage.c_str(),
                static_cast<unsigned long long>(score.archive_bytes), score.seg, score.pose,
                score.seg_term() + score.pose_term(), score.rate_term(), score.total(), cpu_seconds);
  return text;
}

Json RowJson(const std::string& stage, const Score& score, double cpu_seconds) {
  return {{"stage", stage},         {"archive_bytes", score.archive_bytes},
          {"seg", score.seg},       {"pose", score.pose},
          {"score", score.total()}, {"cpu_seconds", cpu_seconds}};
}

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Runs a stage unless an earlier job finished it, and measures the scene after it.
Result<MeasuredScene> RunStage(Job& job, const Stage& stage) {
  const std::string entry = std::string(stage.name) + ".scene";
  const double before = CpuSeconds();
  if (job.folder.Has(entry)) {
    KIT_ASSIGN(const Bytes bytes, job.folder.Load(entry));
    KIT_ASSIGN(const Member member, ReadMember(bytes, job.context.limits));
    KIT_ASSIGN(job.scene, DecodeScene(member, job.context));
  } else {
    KIT_TRY(stage.run(job));
  }
  const double cpu_seconds = CpuSeconds() - before;
  KIT_ASSIGN(MeasuredScene measured, Measure(job, job.scene));
  KIT_ASSIGN(const Bytes bytes, WriteMember(measured.member, job.context.limits));
  KIT_TRY(job.folder.Save(entry, bytes));
  job.context.remarks.push_back(RowText(stage.name, measured.score, cpu_seconds));
  Json row = RowJson(stage.name, measured.score, cpu_seconds);
  if (const std::string rounds = std::string(stage.name) + ".rounds"; job.folder.Has(rounds)) {
    KIT_ASSIGN(const Bytes text, job.folder.Load(rounds));
    row["rounds"] = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  }
  (*job.context.manifest)["stages"].push_back(std::move(row));
  return measured;
}

Json DescribeOptions(const CompressOptions& options, const std::string& from_sha256, int threads) {
  Json json = {{"polish_rounds", options.polish_rounds},
               {"polish_candidates", options.polish_candidates},
               {"from_sha256", from_sha256},
               {"threads", threads}};
  if (options.time_limit_seconds > 0) json["time_limit"] = options.time_limit_seconds;
  if (!options.stages.empty()) json["stages"] = options.stages;
  return json;
}

}  // namespace

Result<Member> Compress(CompressContext& context) {
  const CompressOptions options = OptionsOf<CompressOptions>(context);
  KIT_TRY(CheckStages(options));
  KIT_ASSIGN(BroughtScene brought, LoadScene(options.from, context));
  KIT_ASSIGN(Original original, OpenOriginal(context));
  if (brought.scene.latents.num_pairs != original.num_pairs) {
    return Error{Code::kInvalidArgument, options.from.string() + ": has " +
                                             std::to_string(brought.scene.latents.num_pairs) +
                                             " pairs, the video has " + std::to_string(original.num_pairs)};
  }
  brought.scene.frame_size = original.pairs.frame_size();
  KIT_TRY(CheckFrames(brought.scene));
  context.threads = ConfigureTorch(context.threads);
  KIT_ASSIGN(const Device device, ParseDevice(context.device));
  KIT_ASSIGN(std::unique_ptr<Nets> nets, Nets::Load(context.nets_folder, device));
  Json& manifest = *context.manifest;
  manifest = DescribeNets(nets->info(), device);
  manifest["options"] = DescribeOptions(options, brought.sha256, context.threads);
  KIT_ASSIGN(ResumeFolder folder, context.resume(manifest));

  Job job{context, options, std::move(nets), {}, std::move(folder), {}, std::move(brought.scene)};
  KIT_ASSIGN(job.targets, ObserveOriginal(original, *job.nets, job.folder, *context.progress));
  context.remarks.emplace_back("after         bytes         seg          pose    terms      rate     score     CPU s");
  KIT_ASSIGN(MeasuredScene measured, Measure(job, job.scene));
  context.remarks.push_back(RowText("nothing", measured.score, 0));
  manifest["stages"].push_back(RowJson("nothing", measured.score, 0));
  for (const Stage& stage : kStages) {
    if (!MustRun(options, stage)) continue;
    KIT_ASSIGN(measured, RunStage(job, stage));
  }
  return std::move(measured.member);
}

}  // namespace kitsink::hnerv
