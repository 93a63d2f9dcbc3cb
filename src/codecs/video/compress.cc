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
  std::snprintf(text, sizeof(text), "%-33s %7llu  %10.8f  %12.4e  %8.4f  %8.4f  %8.4f  %7.1f  %s", name.c_str(),
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
               {"filter_width", options.filter_width},
               {"filter_widths", options.filter_widths},
               {"filter_steps", options.filter_steps},
               {"threads", threads}};
  if (options.coding) json["coding"] = VideoCodingName(static_cast<VideoCoding>(*options.coding));
  if (options.size) json["size"] = std::to_string(options.size->width) + "x" + std::to_string(options.size->height);
  if (options.crf) json["crf"] = *options.crf;
  if (!options.encoder_options.empty()) json["encoder_options"] = options.encoder_options;
  return json;
}

constexpr int kMaxCoarser = 2, kCoarserCrf = 6;

// A way to code the whole clip.
struct Candidate {
  StreamChoice choice;
  Scene scene;
  Json encoder;  // for the manifest
  MeasuredMember measured;
};

class Job {
 public:
  Job(CompressContext& context, const CompressOptions& options, Nets& nets, std::span<const Observation> targets,
      const ResumeFolder& folder, FrameSize frame_size)
      : context_(context),
        options_(options),
        nets_(nets),
        targets_(targets),
        folder_(folder),
        frame_size_(frame_size),
        width_(options.filter_width) {}

  // The best candidate, after all were reported.
  Result<Candidate> Run(std::span<const StreamCoding> codings) {
    context_.remarks.emplace_back(
        "stream                              bytes         seg          pose     terms      rate     score        s");
    KIT_ASSIGN(const StreamChoice choice, Choose(codings));
    Candidate made{choice, {}, {}, {}};
    KIT_TRY(AddStream(made));
    if (width_ == 0) return std::move(*best_);
    KIT_TRY(AddWidths(made));
    KIT_TRY(AddCoarser());
    return std::move(*best_);
  }

 private:
  Result<StreamChoice> Choose(std::span<const StreamCoding> codings) {
    KIT_ASSIGN(const ChosenStream chosen,
               ChooseStream(options_, codings, context_, nets_, frame_size_, targets_, folder_));
    Json& manifest = *context_.manifest;
    manifest["sample"] = {chosen.sample.first, chosen.sample.end};
    for (const Try& made : chosen.tries) {
      const std::string name = ChoiceText(made.choice);
      context_.remarks.push_back(RowText(name, made.score, made.seconds, VerdictText(made.promoted)));
      manifest["tries"].push_back(RowJson("try", name, made.score, made.promoted));
    }
    return chosen.best;
  }

  // Encodes the candidate's stream, and measures it with the filters that it has.
  Status AddStream(Candidate& made) {
    const Stopwatch watch;
    made.scene.frame_size = frame_size_;
    KIT_TRY(Encode(made));
    if (made.scene.stream.num_pairs != targets_.size()) {
      return Error{Code::kIo, "video: changed while it was read"};
    }
    const Status kept = Keep("whole clip, crf " + std::to_string(made.choice.crf), watch, made);
    return kept.ok() ? kept : OfStream(options_, kept.error());
  }

  Status Encode(Candidate& made) {
    KIT_ASSIGN(ClipEncoder encoder, ClipEncoder::Create(made.choice, options_, context_.threads));
    made.encoder = {
        {"name", encoder.name()}, {"library", DecoderVersion()}, {"options", EncoderOptions(made.choice, options_)}};
    const auto add = [&](const FramePair& pair) -> Status {
      if (context_.progress->stop_requested()) return Interrupted();
      KIT_TRY(encoder.Add(pair.f0));
      return encoder.Add(pair.f1);
    };
    KIT_TRY(ForEachGridPair(context_, context_.pairs, add));
    KIT_ASSIGN(made.scene.stream, encoder.Finish());
    return Ok();
  }

  // Filters of growing width, while they lower the score.
  Status AddWidths(const Candidate& streamed) {
    for (uint32_t i = 0; i < options_.filter_widths && width_ << i <= kMaxFilterWidth; ++i) {
      Candidate made = streamed;
      KIT_TRY(AddFilter(width_ << i, made));
      if (best_->scene.filters != made.scene.filters) break;
    }
    if (!best_->scene.filters.empty()) width_ = best_->scene.filters[0].width;
    return Ok();
  }

  // Coarser streams, each with a filter trained from the best one's, while they lower the score: the choice by tries
  // knows of no filter, and the filter makes up for part of what a coarser stream loses.
  Status AddCoarser() {
    if (options_.crf.has_value()) return Ok();
    for (int i = 0; i < kMaxCoarser && !best_->scene.filters.empty(); ++i) {
      Candidate made = *best_;
      made.choice.crf += kCoarserCrf;
      if (made.choice.crf > LargestCrf(made.choice.coding)) break;
      KIT_TRY(AddStream(made));
      KIT_TRY(AddFilter(width_, made));
      if (best_->choice != made.choice) break;
    }
    return Ok();
  }

  // Trains a filter for the candidate's stream: anew, or in half the steps from the filter that it has.
  Status AddFilter(uint32_t width, Candidate& made) {
    const Stopwatch watch;
    FilterTraining training;
    training.width = width;
    training.steps = options_.filter_steps;
    if (!made.scene.filters.empty()) {
      training.start = made.scene.filters[0];
      training.steps = (training.steps + 1) / 2;
    }
    training.pose = std::max(made.measured.score.pose, 1e-7);  // the term's slope at 0 is infinite
    training.seed = options_.seed;
    KIT_ASSIGN(Filter filter, Train(training, made.scene));
    made.scene.filters = {std::move(filter)};
    return Keep("with a filter of " + std::to_string(width) + " channels", watch, made);
  }

  Result<Filter> Train(const FilterTraining& training, const Scene& scene) {
    KIT_ASSIGN(PairDecoder decoder, PairDecoder::Open(scene, context_.threads));
    std::vector<FramePair> pictures;
    for (uint32_t i = 0; i < scene.stream.num_pairs; ++i) {
      KIT_ASSIGN(FramePair pair, decoder.Next());
      pictures.push_back(std::move(pair));
    }
    Scene bare = scene;
    bare.filters.clear();
    const Restorer restorer(bare);
    FilterData data;
    data.targets = targets_;
    data.pictures = [&](size_t pair) {
      return FramePair{restorer.Enlarge(pictures[pair].f0), restorer.Enlarge(pictures[pair].f1)};
    };
    data.measure = [&](const Filter& filter) -> Result<double> {
      Scene filtered = bare;
      filtered.filters = {filter};
      const Restorer filtering(filtered);
      // At most 32 pairs, evenly spaced.
      const size_t count = std::min<size_t>(targets_.size(), 32);
      std::vector<PairDistortion> distortions;
      for (size_t i = 0; i < count; ++i) {
        const size_t pair = i * targets_.size() / count;
        const FramePair enlarged = data.pictures(pair);
        const FramePair frames{filtering.Write(enlarged.f0, true), filtering.Write(enlarged.f1, false)};
        KIT_ASSIGN(const std::vector<Observation> read, nets_.Observe(std::span(&frames, 1)));
        distortions.push_back(ComparePair(targets_[pair], read[0]));
      }
      const MeanDistortion means = ExactMeans(distortions);
      return DistortionTerms(means.seg, means.pose);
    };
    const std::string entry = "filter-" + std::to_string(num_filters_++) + ".checkpoint";
    KIT_ASSIGN(const Checkpoint checkpoint, CheckpointOf(folder_, entry));
    return TrainFilter(training, data, nets_, checkpoint, *context_.progress);
  }

  // Measures a candidate, reports it, and keeps it where its score is the lowest so far.
  Status Keep(const std::string& name, const Stopwatch& watch, Candidate& made) {
    KIT_ASSIGN(made.measured, MeasureScene(made.scene, targets_, nets_, context_.original_bytes, context_));
    const Score& score = made.measured.score;
    const bool better = !best_.has_value() || score.total() < best_->measured.score.total();
    context_.remarks.push_back(RowText(name, score, watch.seconds(), VerdictText(better)));
    (*context_.manifest)["stages"].push_back(RowJson("stage", name, score, better));
    if (better) best_ = made;
    return Ok();
  }

  CompressContext& context_;
  const CompressOptions& options_;
  Nets& nets_;
  std::span<const Observation> targets_;
  const ResumeFolder& folder_;
  FrameSize frame_size_;
  uint32_t width_;  // of the next filter
  int num_filters_ = 0;
  std::optional<Candidate> best_;
};

}  // namespace

Result<Member> Compress(CompressContext& context) {
  const CompressOptions options = OptionsOf<CompressOptions>(context);
  if (options.size.has_value()) KIT_TRY(CheckPictureSize(*options.size));
  if (options.filter_width != 0) KIT_TRY(CheckFilterWidth(options.filter_width));
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
  KIT_ASSIGN(Candidate best, Job(context, options, *nets, targets, folder, original.pairs.frame_size()).Run(codings));
  manifest["encoder"] = std::move(best.encoder);
  return std::move(best.measured.member);
}

}  // namespace kitsink::video
