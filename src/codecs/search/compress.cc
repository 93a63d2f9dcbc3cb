// Compresses with codec search: observes the video, fits the generator, chooses selector codes and encodes the scene.

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "codecs/entries.h"
#include "codecs/original.h"
#include "codecs/search/engine.h"
#include "codecs/search/observe.h"
#include "codecs/search/options.h"
#include "codecs/search/play.h"
#include "codecs/search/scene.h"
#include "kitsink/contest.h"

namespace kitsink::search {
namespace {

constexpr const char* kFitState = "fit";

Json DescribeOptions(const CompressOptions& options, const FitOptions& fit, int threads) {
  const char* const efforts[] = {"none", "fast", "full"};
  return {{"seed", fit.seed},
          {"fit_steps", fit.steps},
          {"fit_batch", fit.batch_size},
          {"generator", {fit.shape.trunk, fit.shape.down, fit.shape.condition, fit.shape.head}},
          {"mask_level", options.mask_level},
          {"selectors", efforts[static_cast<int>(options.selectors)]},
          {"threads", threads}};
}

// Adds each tail's gain and cost to the manifest and to the remarks for people.
void DescribeTails(const std::vector<TailGain>& tails, double score_per_byte, CompressContext& context) {
  if (!tails.empty()) context.remarks.emplace_back("tail       gain in score       bytes  their score");
  for (const TailGain& tail : tails) {
    const double bytes_in_score = score_per_byte * static_cast<double>(tail.bytes);
    (*context.manifest)["tails"].push_back({{"tail", TailTag(tail.kind)},
                                            {"bytes", tail.bytes},
                                            {"bytes_in_score", bytes_in_score},
                                            {"gain_in_score", tail.gain},
                                            {"kept", tail.kept}});
    char text[128];
    std::snprintf(text, sizeof(text), "%-8s %15.8f  %10llu %12.8f  %s", std::string(TailTag(tail.kind)).c_str(),
                  tail.gain, static_cast<unsigned long long>(tail.bytes), bytes_in_score,
                  tail.kept ? "kept" : "left out");
    context.remarks.emplace_back(text);
  }
}

// Decodes the new archive and refuses to finish unless it gives the same scene.
Status CheckDecodesTo(const Scene& scene, const Member& member, const CodingContext& context) {
  KIT_ASSIGN(const Scene decoded, DecodeScene(member, context));
  if (decoded == scene) return Ok();
  return Error{Code::kInternal, "archive: decoding it again gave other integers than were encoded"};
}

// Trains the generator, starting from the saved state of an earlier job if there is one.
Result<WeightSet> Fit(Nets& nets, const FitOptions& options, const Scene& scene, const ResumeFolder& folder,
                      Progress& progress) {
  KIT_ASSIGN(const FitCheckpoint checkpoint, CheckpointOf(folder, kFitState));
  const FitData data{scene.frame_size, scene.mask, scene.pose,
                     [&folder](size_t pair) { return TeacherLogits(folder, pair); }};
  return FitWeights(nets, options, data, checkpoint, progress);
}

}  // namespace

GeneratorShape ShapeFor(GeneratorSize size, uint64_t num_pairs) {
  // A short clip cannot earn back the 58 kB of the full generator, because the rate term divides them by the bytes of a
  // short original. The thresholds compare the bytes of w with the bytes per pair of a typical original.
  if (size == GeneratorSize::kAuto) {
    size = num_pairs < 64 ? GeneratorSize::kTiny : num_pairs < 300 ? GeneratorSize::kSmall : GeneratorSize::kFull;
  }
  GeneratorShape shape;
  if (size == GeneratorSize::kTiny) {
    shape.trunk = 16;
    shape.down = 24;
    shape.condition = 16;
    shape.head = 16;
  } else if (size == GeneratorSize::kSmall) {
    shape.trunk = 32;
    shape.down = 40;
    shape.condition = 32;
    shape.head = 32;
  }
  return shape;
}

// The number of pairs chooses the generator, so it is counted: the claim of a container may be far off, and a raw
// stream claims nothing. Decoding takes a few per cent of the time of observing. It also finds damage early.
Result<Member> Compress(CompressContext& context) {
  const CompressOptions options = OptionsOf<CompressOptions>(context);
  Progress& progress = *context.progress;
  KIT_ASSIGN(Original original, OpenOriginal(context));
  context.threads = ConfigureTorch(context.threads);
  KIT_ASSIGN(const Device device, ParseDevice(context.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(context.nets_folder, device));
  FitOptions fit = options.fit;
  fit.shape = ShapeFor(options.generator, original.num_pairs);
  Json& manifest = *context.manifest;
  manifest = DescribeNets(nets->info(), device);
  manifest["options"] = DescribeOptions(options, fit, context.threads);
  KIT_ASSIGN(const ResumeFolder folder, context.resume(manifest));

  Stopwatch watch;
  Json seconds;
  const auto end_stage = [&](const char* stage) {
    seconds[stage] = watch.seconds();
    watch = Stopwatch();
  };
  KIT_ASSIGN(ObservedClip clip, ObserveClip(original, *nets, folder, context));
  end_stage("observe");
  Scene scene;
  scene.frame_size = clip.frame_size;
  scene.mask = std::move(clip.mask);
  KIT_ASSIGN(scene.pose, ChooseTrack(clip.poses, kPoseValues, context.limits));
  KIT_ASSIGN(scene.weights, Fit(*nets, fit, scene, folder, progress));
  end_stage("fit");
  const double score_per_byte = ScorePerByte(context.original_bytes);
  KIT_ASSIGN(SelectorChoice choice,
             ChooseTails(scene, clip, options.selectors, score_per_byte, *nets, folder, context.threads, progress));
  scene.selectors = std::move(choice.table);
  DescribeTails(choice.gains, score_per_byte, context);
  end_stage("selectors");
  KIT_ASSIGN(Member member, EncodeScene(scene, options.mask_level, context));
  end_stage("encode");
  manifest["seconds"] = std::move(seconds);
  KIT_TRY(CheckDecodesTo(scene, member, context));
  return member;
}

}  // namespace kitsink::search
