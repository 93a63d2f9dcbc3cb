// Compresses with codec video: observes the original, chooses a stream by the nets' score, encodes the clip.

#include "codecs/video/compress.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>

#include "codecs/entries.h"
#include "codecs/original.h"
#include "codecs/video/choose.h"
#include "codecs/video/measure.h"
#include "codecs/video/options.h"
#include "codecs/video/source.h"
#include "codecs/video/train_filter.h"
#include "kitsink/run.h"

namespace kitsink::video {
namespace {

std::string RowText(const std::string& name, const Score& score, double seconds, const std::string& verdict) {
  char text[200];
  std::snprintf(text, sizeof(text), "%-30s %7llu  %10.8f  %12.4e  %8.4f  %8.4f  %8.4f  %7.1f  %s", name.c_str(),
                static_cast<unsigned long long>(score.archive_bytes), score.seg, score.pose,
                score.seg_term() + score.pose_term(), score.rate_term(), score.total(), seconds, verdict.c_str());
  return text;
}

const char* VerdictText(bool promoted) { return promoted ? "promoted" : "rejected"; }

Json RowJson(const char* kind, const std::string& name, const Score& score, bool promoted) {
  return {{kind, name},
          {"archive_bytes", score.archive_bytes},
          {"seg", score.seg},
          {"pose", score.pose},
          {"score", score.total()},
          {"promoted", promoted}};
}

Json DescribeOptions(const CompressOptions& options, int threads) {
  Json json = {{"seed", options.seed},
               {"effort", options.effort},
               {"tries", options.tries},
               {"sample_pairs", options.sample_pairs},
               {"filter_steps", options.filter_steps},
               {"threads", threads}};
  if (options.coding) json["coding"] = VideoCodingName(static_cast<VideoCoding>(*options.coding));
  if (options.size) json["size"] = std::to_string(options.size->width) + "x" + std::to_string(options.size->height);
  if (options.crf) json["crf"] = *options.crf;
  if (options.filter_width) json["filter_width"] = *options.filter_width;
  if (!options.encoder_options.empty()) json["encoder_options"] = options.encoder_options;
  return json;
}

// The stream of the whole clip.
Result<Stream> EncodeWhole(const StreamChoice& choice, const CompressOptions& options, CompressContext& context) {
  KIT_ASSIGN(ClipEncoder encoder, ClipEncoder::Create(choice, options, context.threads));
  (*context.manifest)["encoder"] = {
      {"name", encoder.name()}, {"library", DecoderVersion()}, {"options", EncoderOptions(choice, options)}};
  const auto add = [&](const FramePair& pair) -> Status {
    if (context.progress->stop_requested()) return Interrupted();
    KIT_TRY(encoder.Add(pair.f0));
    return encoder.Add(pair.f1);
  };
  KIT_TRY(ForEachGridPair(context, context.pairs, add));
  return encoder.Finish();
}

// A short clip cannot earn back many weights.
uint32_t WidthFor(uint64_t num_pairs) { return num_pairs < 64 ? 8 : num_pairs < 300 ? 16 : 32; }

Result<Filter> MakeFilter(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                          const FilterTraining& training, const ResumeFolder& folder, CompressContext& context) {
  KIT_ASSIGN(PairDecoder decoder, PairDecoder::Open(scene, context.threads));
  std::vector<FramePair> pictures;
  for (uint32_t i = 0; i < scene.stream.num_pairs; ++i) {
    KIT_ASSIGN(FramePair pair, decoder.Next());
    pictures.push_back(std::move(pair));
  }
  const Restorer restorer(scene);
  FilterData data;
  data.targets = targets;
  data.pictures = [&](size_t pair) {
    return FramePair{restorer.Enlarge(pictures[pair].f0), restorer.Enlarge(pictures[pair].f1)};
  };
  data.measure = [&](const Filter& filter) -> Result<double> {
    Scene filtered = scene;
    filtered.filters = {filter};
    const Restorer filtering(filtered);
    // At most 32 pairs, evenly spaced.
    const size_t count = std::min<size_t>(targets.size(), 32);
    std::vector<PairDistortion> distortions;
    for (size_t i = 0; i < count; ++i) {
      const size_t pair = i * targets.size() / count;
      const FramePair enlarged = data.pictures(pair);
      const FramePair frames{filtering.Write(enlarged.f0, true), filtering.Write(enlarged.f1, false)};
      KIT_ASSIGN(const std::vector<Observation> read, nets.Observe(std::span(&frames, 1)));
      distortions.push_back(ComparePair(targets[pair], read[0]));
    }
    const MeanDistortion means = ExactMeans(distortions);
    return DistortionTerms(means.seg, means.pose);
  };
  KIT_ASSIGN(const Checkpoint checkpoint, CheckpointOf(folder, "filter.checkpoint"));
  return TrainFilter(training, data, nets, checkpoint, *context.progress);
}

// Trains a filter for the scene, and replaces `measured` where it lowers the score.
Status AddFilter(uint32_t width, const CompressOptions& options, const Scene& scene,
                 std::span<const Observation> targets, Nets& nets, const ResumeFolder& folder, CompressContext& context,
                 MeasuredMember& measured) {
  const Stopwatch watch;
  FilterTraining training;
  training.width = width;
  training.steps = options.filter_steps;
  training.pose = std::max(measured.score.pose, 1e-7);  // the term's slope at 0 is infinite
  training.seed = options.seed;
  KIT_ASSIGN(Filter filter, MakeFilter(scene, targets, nets, training, folder, context));
  Scene filtered = scene;
  filtered.filters.push_back(std::move(filter));
  KIT_ASSIGN(MeasuredMember with, MeasureScene(filtered, targets, nets, context.original_bytes, context));
  const bool better = with.score.total() < measured.score.total();
  context.remarks.push_back(RowText("with a filter of " + std::to_string(width) + " channels", with.score,
                                    watch.seconds(), VerdictText(better)));
  (*context.manifest)["stages"].push_back(RowJson("stage", "filter", with.score, better));
  if (better) measured = std::move(with);
  return Ok();
}

}  // namespace

Result<Member> Compress(CompressContext& context) {
  const CompressOptions options = OptionsOf<CompressOptions>(context);
  if (options.size.has_value()) KIT_TRY(CheckPictureSize(*options.size));
  if (options.filter_width.value_or(0) != 0) KIT_TRY(CheckFilterWidth(*options.filter_width));
  context.threads = ConfigureTorch(context.threads);
  KIT_ASSIGN(const std::vector<StreamCoding> codings, UsableCodings(options, context.threads));
  KIT_ASSIGN(Original original, OpenOriginal(context));
  KIT_ASSIGN(const Device device, ParseDevice(context.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(context.nets_folder, device));
  Json& manifest = *context.manifest;
  manifest = DescribeNets(nets->info(), device);
  manifest["options"] = DescribeOptions(options, context.threads);
  KIT_ASSIGN(const ResumeFolder folder, context.resume(manifest));

  KIT_ASSIGN(const std::vector<Observation> targets, ObserveOriginal(original, *nets, folder, *context.progress));
  KIT_ASSIGN(const ChosenStream chosen,
             ChooseStream(options, codings, context, *nets, original.pairs.frame_size(), targets, folder));
  context.remarks.emplace_back(
      "stream                           bytes         seg          pose     terms      rate     score        s");
  manifest["sample"] = {chosen.sample.first, chosen.sample.end};
  for (const Try& made : chosen.tries) {
    context.remarks.push_back(RowText(ChoiceText(made.choice), made.score, made.seconds, VerdictText(made.promoted)));
    manifest["tries"].push_back(RowJson("try", ChoiceText(made.choice), made.score, made.promoted));
  }
  Scene scene;
  scene.frame_size = original.pairs.frame_size();
  KIT_ASSIGN(scene.stream, EncodeWhole(chosen.best, options, context));
  if (scene.stream.num_pairs != original.num_pairs) return Error{Code::kIo, "video: changed while it was read"};
  const Stopwatch watch;
  Result<MeasuredMember> streamed = MeasureScene(scene, targets, *nets, context.original_bytes, context);
  if (!streamed.ok()) return OfStream(options, streamed.error());
  MeasuredMember measured = streamed.TakeValue();
  context.remarks.push_back(RowText("whole clip", measured.score, watch.seconds(), ""));
  manifest["stages"].push_back(RowJson("stage", "stream", measured.score, true));
  const uint32_t width = options.filter_width.value_or(WidthFor(original.num_pairs));
  if (width > 0) KIT_TRY(AddFilter(width, options, scene, targets, *nets, folder, context, measured));
  return std::move(measured.member);
}

}  // namespace kitsink::video
