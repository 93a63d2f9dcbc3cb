// Compresses with codec hnerv: observes the video, then runs stages that each improve a scene, and measures each.

#include "codecs/hnerv/compress.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "codecs/hnerv/foreign/foreign.h"
#include "codecs/hnerv/measure.h"
#include "codecs/hnerv/options.h"
#include "codecs/hnerv/polish.h"
#include "codecs/hnerv/round_weights.h"
#include "codecs/hnerv/scene.h"
#include "codecs/hnerv/train_decoder.h"
#include "codecs/original.h"
#include "codecs/plan.h"
#include "codecs/stages.h"
#include "kitsink/contest.h"
#include "kitsink/file.h"
#include "kitsink/kernels.h"

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
  double score = INFINITY;  // of the scene, where it is a whole one

  double seconds_left() const {
    return options.time_limit_seconds > 0 ? options.time_limit_seconds - watch.seconds() : INFINITY;
  }
};

// In this process alone.
Result<MeasuredScene> Measure(const Job& job, const Scene& scene) {
  return MeasureScene(scene, job.targets, *job.nets, job.context.original_bytes, job.context);
}

// By process 0, for all.
Result<MeasuredMember> MeasureForAll(const Job& job, const Scene& scene) {
  return MeasureOnce(job.folder.crew(), job.context.limits, [&]() -> Result<MeasuredMember> {
    KIT_ASSIGN(MeasuredMember measured, Measure(job, scene));
    return measured;
  });
}

// Both frames of each pair as the nets read them, shrunk to kHintSize by means of 2 x 2 pixels.
Result<std::vector<uint8_t>> HintsOf(const CompressContext& context) {
  static_assert(2 * kHintSize.width == kModelGrid.width && 2 * kHintSize.height == kModelGrid.height);
  constexpr size_t kRow = size_t{3} * kModelGrid.width;
  std::vector<uint8_t> hints;
  const auto add = [&hints](const FramePair& pair) {
    for (const Frame* const frame : {&pair.f0, &pair.f1}) {
      for (size_t y = 0; y < kHintSize.height; ++y) {
        for (size_t x = 0; x < kHintSize.width; ++x) {
          const uint8_t* const at = frame->rgb.data() + 2 * y * kRow + 6 * x;
          for (size_t c = 0; c < 3; ++c) {
            hints.push_back(static_cast<uint8_t>((at[c] + at[c + 3] + at[c + kRow] + at[c + kRow + 3] + 2) / 4));
          }
        }
      }
    }
    return Ok();
  };
  KIT_TRY(ForEachGridPair(context, context.pairs, add));
  return hints;
}

Status RunTrain(Job& job) {
  DecoderTraining training;
  training.recipe = job.options.recipe;
  training.steps = job.options.train_steps;
  training.batch = job.options.train_batch;
  training.score_per_byte = ScorePerByte(job.context.original_bytes);
  training.seed = job.options.seed;
  training.plan = [&](double seconds) {
    return PlanUnits(job.folder, "train", {training.steps, "steps", seconds, 0.8 * job.seconds_left()});
  };
  CodingContext quiet = job.context;
  quiet.progress = &SilentProgress();
  training.measure = [&](const Scene& scene) -> Result<double> {
    KIT_ASSIGN(const MeasuredScene measured,
               MeasureScene(scene, job.targets, *job.nets, job.context.original_bytes, quiet));
    return measured.score.total();
  };
  KIT_ASSIGN(const std::vector<uint8_t> hints, HintsOf(job.context));
  KIT_ASSIGN(Scene trained,
             TrainDecoder(job.scene, {job.targets, hints}, *job.nets, training, job.folder, *job.context.progress));
  // A short training can leave a scene that the user brings worse than it was.
  if (std::isfinite(job.score)) {
    KIT_ASSIGN(const MeasuredMember measured, MeasureForAll(job, trained));
    const double gain = job.score - measured.score.total();
    if (!(gain > 0)) {
      Log(LogLevel::kWarning, "train: a loss of " + std::to_string(-gain) + " of score: the scene stays as it was");
      return Ok();
    }
  }
  job.scene = std::move(trained);
  return Ok();
}

Json CountsJson(const ChangeCounts& counts) {
  return {{"codes", counts.codes}, {"corrections", counts.corrections}, {"modes", counts.modes}};
}

Status RunWeights(Job& job) {
  WeightRounding rounding;
  rounding.rounds = job.options.weight_rounds;
  rounding.measure = [&job](const Scene& scene) { return Measure(job, scene); };
  rounding.seconds_left = [&job] { return job.seconds_left(); };
  KIT_ASSIGN(RoundedScene rounded,
             RoundWeights(job.scene, job.targets, *job.nets, rounding, job.folder, *job.context.progress));
  job.scene = std::move(rounded.scene);
  Json rounds = Json::array();
  for (const WeightRound& round : rounded.rounds) {
    rounds.push_back(
        {{"proposed", round.proposed}, {"made", round.made}, {"paid_bytes", round.paid_bytes}, {"gain", round.gain}});
  }
  return job.folder.crew().leads() ? job.folder.Save("weights.rounds", rounds.dump()) : Ok();
}

Status RunPolish(Job& job) {
  Polishing polishing;
  polishing.rounds = job.options.polish_rounds;
  polishing.candidates = job.options.polish_candidates;
  polishing.measure = [&job](const Scene& scene) { return Measure(job, scene); };
  polishing.seconds_left = [&job] { return job.seconds_left(); };
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
  return job.folder.crew().leads() ? job.folder.Save("polish.rounds", rounds.dump()) : Ok();
}

// The stages after observing, in order. Each changes the scene.
struct Stage {
  const char* name;
  Status (*run)(Job& job);
  uint32_t CompressOptions::*rounds;  // 0 of them: the stage is left out
  const char* rounds_option;
  bool makes_decoder = false;  // left out for a scene that the user brings, unless it is asked for
};
constexpr Stage kStages[] = {
    {"train", RunTrain, &CompressOptions::train_steps, "--train-steps", /*makes_decoder=*/true},
    {"weights", RunWeights, &CompressOptions::weight_rounds, "--weight-rounds"},
    {"polish", RunPolish, &CompressOptions::polish_rounds, "--polish-rounds"}};

bool MustRun(const CompressOptions& options, const Stage& stage) {
  if (options.*stage.rounds == 0) return false;
  if (stage.makes_decoder && options.from.empty()) return true;
  if (options.stages.empty()) return !stage.makes_decoder;
  return std::ranges::find(options.stages, stage.name) != options.stages.end();
}

// Refuses to run a stage of no rounds, and options of a training that is not run.
Status CheckStages(const CompressOptions& options) {
  const bool trains = MustRun(options, kStages[0]);
  if (!options.from.empty() && options.decoder != DecoderSize::kAuto) {
    return Error{Code::kInvalidArgument, "--decoder: " + options.from.string() + " brings the decoder"};
  }
  if (!trains && options.recipe == Recipe::kPublished) {
    return Error{Code::kInvalidArgument, "--recipe: nothing is trained, give --stages train"};
  }
  for (const Stage& stage : kStages) {
    if (std::ranges::find(options.stages, stage.name) == options.stages.end() || options.*stage.rounds > 0) continue;
    return Error{Code::kInvalidArgument,
                 std::string("--stages ") + stage.name + ": " + stage.rounds_option + " is 0, expected 1 or more"};
  }
  return Ok();
}

// A short clip cannot earn back the 160 kB of the full decoder, because the rate term divides them by the bytes of a
// short original. In few steps a large decoder learns less than a small one (docs/lab/hnerv_train.md).
DecoderSize AutoSize(const CompressOptions& options, uint64_t num_pairs) {
  const uint64_t seen = uint64_t{options.train_steps} * options.train_batch;
  if (num_pairs < 64 || seen < 4000) return DecoderSize::kTiny;
  return num_pairs < 300 || seen < 20000 ? DecoderSize::kSmall : DecoderSize::kFull;
}

DecoderShape ShapeFor(const CompressOptions& options, uint64_t num_pairs) {
  const DecoderSize size = options.decoder == DecoderSize::kAuto ? AutoSize(options, num_pairs) : options.decoder;
  if (size == DecoderSize::kTiny) return {8, {12, 12, 12, 10, 8, 6, 6}};
  if (size == DecoderSize::kSmall) return {16, {24, 24, 24, 18, 14, 12, 12}};
  return {};
}

// What the training starts from where the user brings nothing: no tensors.
Scene EmptyScene(const CompressOptions& options, FrameSize frame_size, uint64_t num_pairs) {
  Scene scene;
  scene.frame_size = frame_size;
  scene.shape = ShapeFor(options, num_pairs);
  scene.latents.num_pairs = static_cast<uint32_t>(num_pairs);
  scene.latents.dims = scene.shape.latent_dims;
  const bool preimage = options.recipe == Recipe::kImproved && HasPrivateTaps(frame_size);
  scene.chain = preimage ? FrameChain::kPreimage : FrameChain::kBicubic;
  return scene;
}

struct BroughtScene {
  Scene scene;
  std::string sha256;  // of the file
};

// Reads a tensor file, or an archive of kitsink or of another program of the family.
Result<BroughtScene> LoadScene(const std::filesystem::path& path, const CodingContext& context) {
  constexpr uint8_t kZip[] = {'P', 'K', 3, 4};
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

// Runs a stage unless an earlier job finished it, and measures the scene after it.
Result<MeasuredMember> RunStage(Job& job, const Stage& stage) {
  const StageFunctions functions{.run = [&] { return stage.run(job); },
                                 .load = [&job](const Member& member) -> Status {
                                   KIT_ASSIGN(job.scene, DecodeScene(member, job.context));
                                   return Ok();
                                 },
                                 .measure = [&] { return MeasureForAll(job, job.scene); }};
  return kitsink::RunStage(stage.name, functions, job.folder, job.context);
}

Json DescribeOptions(const CompressOptions& options, const std::string& from_sha256, int threads) {
  const char* const sizes[] = {"auto", "tiny", "small", "full"};
  const char* const recipes[] = {"improved", "published"};
  Json json = {{"seed", options.seed},
               {"weight_rounds", options.weight_rounds},
               {"polish_rounds", options.polish_rounds},
               {"polish_candidates", options.polish_candidates},
               {"threads", threads}};
  if (options.from.empty()) json["decoder"] = sizes[static_cast<int>(options.decoder)];
  if (MustRun(options, kStages[0])) {
    json["recipe"] = recipes[static_cast<int>(options.recipe)];
    json["train_steps"] = options.train_steps;
    json["train_batch"] = options.train_batch;
  }
  if (!options.from.empty()) json["from_sha256"] = from_sha256;
  if (options.time_limit_seconds > 0) json["time_limit"] = options.time_limit_seconds;
  if (!options.stages.empty()) json["stages"] = options.stages;
  return json;
}

}  // namespace

Result<Member> Compress(CompressContext& context) {
  const CompressOptions options = OptionsOf<CompressOptions>(context);
  KIT_TRY(CheckStages(options));
  BroughtScene brought;
  if (!options.from.empty()) {
    KIT_ASSIGN(brought, LoadScene(options.from, context));
  } else if (options.train_steps == 0) {
    return Error{Code::kInvalidArgument, "--train-steps is 0 and there is no --from: there is no decoder"};
  }
  KIT_ASSIGN(Original original, OpenOriginal(context));
  if (options.from.empty()) brought.scene = EmptyScene(options, original.pairs.frame_size(), original.num_pairs);
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
  context.remarks.emplace_back(kStagesHead);
  MeasuredMember measured;
  if (!job.scene.tensors.empty()) {
    KIT_ASSIGN(measured, MeasureForAll(job, job.scene));
    ReportStage("nothing", measured.score, 0, {}, context);
    job.score = measured.score.total();
  }
  for (const Stage& stage : kStages) {
    if (!MustRun(options, stage)) continue;
    KIT_ASSIGN(measured, RunStage(job, stage));
  }
  return std::move(measured.member);
}

}  // namespace kitsink::hnerv
