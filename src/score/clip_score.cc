// Scores one clip: compares the original, decoded or cached, with the inflated frames through the nets.

#include <algorithm>
#include <memory>
#include <string>

#include "kitsink/hash.h"
#include "kitsink/scorer.h"
#include "kitsink/version.h"
#include "score/observation_cache.h"
#include "score/prefetch.h"

namespace kitsink {
namespace {

constexpr size_t kReadAhead = 4;        // pairs
constexpr size_t kMaxPairsAtOnce = 64;  // on a CPU, where a pair of frames takes 6 MB

// The folder of the nets in the contest's checkout.
constexpr const char* kCheckoutModels = "models";

// Everything that the observations depend on, one fact a line.
std::string CacheKey(const GroundTruthInfo& truth, const Nets& nets, size_t pairs_at_once) {
  return "kitsink " + std::string(Version()) + "\nframes " + truth.frames_sha256 + "\ndecoder " + truth.decoder +
         "\nSegNet " + nets.info().segnet_sha256 + "\nPoseNet " + nets.info().posenet_sha256 + "\ndevice " +
         nets.device().ToString() + ", " + std::to_string(pairs_at_once) + " pairs\n" + TorchDescription() + "\n";
}

// Without a cache, or with a damaged one, scoring takes longer but gives the same result.
std::optional<ObservationCacheReader> OpenCache(const std::filesystem::path& path, const std::string& key) {
  if (path.empty()) return std::nullopt;
  Result<std::optional<ObservationCacheReader>> cache = ObservationCacheReader::Open(path, key);
  if (cache.ok()) return cache.TakeValue();
  Log(LogLevel::kWarning, "cache ignored: " + cache.error().message);
  return std::nullopt;
}

std::optional<ObservationCacheWriter> StartCache(const std::filesystem::path& path, const std::string& key,
                                                 FrameSize frame_size) {
  if (path.empty()) return std::nullopt;
  Result<ObservationCacheWriter> writer = ObservationCacheWriter::Create(path, key, frame_size);
  if (writer.ok()) return writer.TakeValue();
  Log(LogLevel::kWarning, "nothing is cached: " + writer.error().message);
  return std::nullopt;
}

std::string RangeText(const PairRange& range) {
  return std::to_string(range.first) + ":" + (range.end == UINT64_MAX ? "" : std::to_string(range.end));
}

// The pairs of the original to score.
Result<PairRange> RangeToScore(const ClipRequest& request) {
  PairRange range = request.pairs.value_or(request.held.value_or(PairRange{}));
  if (!request.held.has_value()) return range;
  if (range.end == UINT64_MAX) range.end = request.held->end;
  if (range.first >= request.held->first && range.first < range.end && range.end <= request.held->end) return range;
  return Error{Code::kInvalidArgument, request.raw.string() + ": its manifest says that it holds the pairs " +
                                           RangeText(*request.held) + " of the original, asked for were " +
                                           RangeText(*request.pairs)};
}

// A .raw that holds the whole clip, or only a part of it.
struct Inflated {
  InflatedFrames frames;
  bool is_part = false;
  uint64_t first = 0;          // pair of the original that the file begins with
  uint64_t next = 0, end = 0;  // pairs of the file still to read
};

Result<Inflated> OpenInflated(const ClipRequest& request, const PairRange& range, FrameSize frame_size) {
  KIT_ASSIGN(InflatedFrames frames, InflatedFrames::Open(request.raw, frame_size));
  const uint64_t num_pairs = frames.num_pairs();
  if (request.held.has_value() && num_pairs != request.held->end - request.held->first) {
    return Error{Code::kCorrupt, request.raw.string() + ": has " + frames.Description() +
                                     ", its manifest says that it holds the pairs " + RangeText(*request.held) +
                                     " of the original"};
  }
  Inflated inflated{std::move(frames)};
  const bool has_asked_length = request.pairs.has_value() && num_pairs == range.end - range.first;
  inflated.is_part = request.held.has_value() || has_asked_length;
  if (inflated.is_part) inflated.first = request.held.has_value() ? request.held->first : range.first;
  inflated.next = range.first - inflated.first;
  inflated.end = std::min(num_pairs, inflated.next + (range.end - range.first));
  return inflated;
}

// True for a .raw whose surplus upstream never reads, because one of its batches ends with the original.
bool IsHarmlesslyLong(const ClipRequest& request, uint64_t raw_pairs, uint64_t total_pairs) {
  return raw_pairs > total_pairs && total_pairs % request.batch_size == 0;
}

// Upstream stops at the end of the shorter clip. It reports no error when one of its batches ends there.
Error WrongLength(const ClipRequest& request, const InflatedFrames& frames, uint64_t total_pairs) {
  const uint64_t raw_pairs = frames.num_pairs();
  std::string upstream;
  if (raw_pairs < total_pairs && raw_pairs % request.batch_size == 0 && raw_pairs > 0) {
    upstream = "; upstream would have scored these " + std::to_string(raw_pairs) + " without a word";
  }
  const bool has_rest = frames.num_frames() % 2 != 0 || frames.trailing_bytes() > 0;
  const bool may_be_a_part = raw_pairs < total_pairs && request.may_name_pairs;
  return Error{Code::kCorrupt, request.raw.string() + ": has " + std::to_string(raw_pairs) +
                                   " pairs, the original has " + std::to_string(total_pairs) +
                                   (has_rest ? " (the file has " + frames.Description() + ")" : "") + upstream +
                                   (may_be_a_part ? "; --pairs A:B scores a part" : "")};
}

// What upstream leaves out of a .raw without a message.
void NoteLeftOut(const ClipRequest& request, const InflatedFrames& frames, uint64_t total_pairs, ClipScore& score) {
  const auto note = [&](const std::string& what) {
    score.notes.push_back(request.raw.string() + ": has " + what + ", left out here as upstream leaves it out");
  };
  if (frames.trailing_bytes() > 0) note(std::to_string(frames.trailing_bytes()) + " bytes behind its last whole frame");
  if (frames.num_frames() % 2 != 0) note("an odd number of frames, so that the last one has no partner");
  if (IsHarmlesslyLong(request, frames.num_pairs(), total_pairs)) {
    note(std::to_string(frames.num_pairs() - total_pairs) + " pairs more than the original's " +
         std::to_string(total_pairs));
  }
}

// The original as the score needs it: the observations of its pairs, in order.
class Original {
 public:
  virtual ~Original() = default;
  virtual FrameSize frame_size() const = 0;
  // Pairs of the whole original; nothing when only decoding can tell.
  virtual std::optional<uint64_t> known_total() const = 0;
  // The stream must not outlive this object. At most one stream at a time.
  virtual ObservationStream Observe() = 0;
  // Pairs of the whole original. `pairs` is the result of scoring; an error in reading the original is returned again.
  // REQUIRES: the stream is destroyed.
  virtual Result<uint64_t> Finish(const Result<std::vector<PairDistortion>>& pairs) = 0;
  // Pairs known to be whole, when Finish() failed.
  virtual uint64_t position() const = 0;
};

// Observations that an earlier score of the same original cached.
class RememberedOriginal final : public Original {
 public:
  static Result<std::unique_ptr<Original>> Create(ObservationCacheReader cache, const PairRange& range) {
    const uint64_t total = cache.num_pairs();
    if (range.first >= total || (range.end != UINT64_MAX && range.end > total)) {
      return Error{Code::kInvalidArgument, "video: has " + std::to_string(total) + " pairs, the range asks for more"};
    }
    for (uint64_t i = 0; i < range.first; ++i) KIT_TRY(cache.Next());
    const uint64_t expected = std::min(total, range.end) - range.first;
    return std::unique_ptr<Original>(new RememberedOriginal(std::move(cache), expected));
  }

  FrameSize frame_size() const override { return cache_.frame_size(); }
  std::optional<uint64_t> known_total() const override { return cache_.num_pairs(); }
  ObservationStream Observe() override {
    return [this, left = expected_](size_t count) mutable -> Result<std::vector<Observation>> {
      std::vector<Observation> observations;
      for (; left > 0 && observations.size() < count; --left) {
        KIT_ASSIGN(std::optional<Observation> observation, cache_.Next());
        observations.push_back(std::move(*observation));
      }
      return observations;
    };
  }
  Result<uint64_t> Finish(const Result<std::vector<PairDistortion>>& pairs) override {
    if (!pairs.ok()) return pairs.error();
    return uint64_t{cache_.num_pairs()};
  }
  uint64_t position() const override { return cache_.num_pairs(); }

 private:
  RememberedOriginal(ObservationCacheReader cache, uint64_t expected) : cache_(std::move(cache)), expected_(expected) {}
  ObservationCacheReader cache_;
  uint64_t expected_;
};

// Decodes the original now, and caches the observations when there is a writer.
class DecodedOriginal final : public Original {
 public:
  DecodedOriginal(GroundTruth truth, std::optional<ObservationCacheWriter> writer, Nets& nets)
      : truth_(std::move(truth)), writer_(std::move(writer)), nets_(nets) {}

  FrameSize frame_size() const override { return truth_.frame_size(); }
  std::optional<uint64_t> known_total() const override { return std::nullopt; }
  ObservationStream Observe() override {
    const PairStream pairs = [this] {
      Result<std::optional<FramePair>> pair = truth_.Next();
      read_well_ = pair.ok();
      return pair;
    };
    return [this, observe = ObservePairs(ReadAhead(pairs, kReadAhead), nets_)](
               size_t count) -> Result<std::vector<Observation>> {
      KIT_ASSIGN(std::vector<Observation> observations, observe(count));
      for (const Observation& observation : observations) {
        if (writer_.has_value()) KIT_TRY(writer_->Add(observation));
      }
      return observations;
    };
  }
  Result<uint64_t> Finish(const Result<std::vector<PairDistortion>>& pairs) override {
    // Clips of different lengths already gave an error here, but the caller's message names both lengths.
    if (!pairs.ok() && (pairs.error().code != Code::kCorrupt || !read_well_)) return pairs.error();
    KIT_ASSIGN(const uint64_t total, truth_.CountAllPairs());
    if (pairs.ok() && pairs.value().size() == total) Remember();
    return total;
  }
  uint64_t position() const override { return truth_.position(); }

 private:
  // Only a whole clip is cached: the file cannot say that it holds a part.
  void Remember() {
    if (!writer_.has_value()) return;
    if (const Status status = writer_->Commit(); !status.ok()) {
      Log(LogLevel::kWarning, "nothing is cached: " + status.error().message);
    }
  }
  GroundTruth truth_;
  std::optional<ObservationCacheWriter> writer_;
  Nets& nets_;
  bool read_well_ = true;
};

// Opens the cached observations if there are any, else the video. Sets score.from_cache.
Result<std::unique_ptr<Original>> OpenOriginal(const ClipRequest& request, const std::string& key,
                                               const PairRange& range, Nets& nets, ClipScore& score) {
  const std::filesystem::path folder = request.use_cache ? CacheFolder() : std::filesystem::path();
  const std::filesystem::path path = folder.empty() ? folder : ObservationCachePath(folder, key);
  if (std::optional<ObservationCacheReader> cache = OpenCache(path, key); cache.has_value()) {
    score.from_cache = true;
    return RememberedOriginal::Create(std::move(*cache), range);
  }
  KIT_ASSIGN(GroundTruth truth, GroundTruth::Open(request.video, request.ground_truth, range, request.limits));
  std::optional<ObservationCacheWriter> writer;
  if (!request.pairs.has_value() && range.first == 0) writer = StartCache(path, key, truth.frame_size());
  return std::unique_ptr<Original>(std::make_unique<DecodedOriginal>(std::move(truth), std::move(writer), nets));
}

PairStream PairsOf(Inflated& inflated) {
  return [&inflated]() -> Result<std::optional<FramePair>> {
    if (inflated.next >= inflated.end) return std::optional<FramePair>();
    KIT_ASSIGN(FramePair pair, inflated.frames.ReadPair(inflated.next));
    ++inflated.next;
    return std::optional<FramePair>(std::move(pair));
  };
}

// Reads both clips to the original's end. What the .raw holds behind it is not read.
Result<std::vector<PairDistortion>> MeasureClip(Original& original, Inflated& inflated, Nets& nets, size_t at_once,
                                                Progress& progress) {
  const uint64_t num_pairs = inflated.end - std::min(inflated.next, inflated.end);
  size_t given = 0;
  const ObservationStream expected = [&given,
                                      observe = original.Observe()](size_t count) -> Result<std::vector<Observation>> {
    Result<std::vector<Observation>> observations = observe(count);
    given = observations.ok() ? observations.value().size() : 0;
    return observations;
  };
  const ObservationStream got = [&given, observe = ObservePairs(ReadAhead(PairsOf(inflated), kReadAhead), nets)](
                                    size_t) -> Result<std::vector<Observation>> { return observe(given); };
  return MeasureDistortion(expected, got, at_once, progress, num_pairs);
}

}  // namespace

Result<ClipScore> ScoreClip(const ClipRequest& request, Nets& nets, Progress& progress) {
  KIT_ASSIGN(const PairRange range, RangeToScore(request));
  ClipScore score;
  KIT_ASSIGN(score.video_sha256, Sha256HexOfFile(request.video));
  KIT_ASSIGN(score.ground_truth, DescribeGroundTruth(request.ground_truth, score.video_sha256));
  // As upstream, because PoseNet's last bits depend on the batch.
  const size_t at_once = nets.device().cuda ? request.batch_size : std::min(request.batch_size, kMaxPairsAtOnce);
  const std::string key = CacheKey(score.ground_truth, nets, at_once);
  KIT_ASSIGN(const std::unique_ptr<Original> original, OpenOriginal(request, key, range, nets, score));
  KIT_ASSIGN(Inflated inflated, OpenInflated(request, range, original->frame_size()));
  const auto has_other_length = [&](uint64_t total) {
    const uint64_t num_pairs = inflated.frames.num_pairs();
    return !inflated.is_part && num_pairs != total && !IsHarmlesslyLong(request, num_pairs, total);
  };
  if (const auto total = original->known_total(); total.has_value() && has_other_length(*total)) {
    return WrongLength(request, inflated.frames, *total);
  }
  Result<std::vector<PairDistortion>> pairs = MeasureClip(*original, inflated, nets, at_once, progress);
  const Result<uint64_t> total = original->Finish(pairs);
  // As in compress, damage behind the pairs that were asked for is no obstacle.
  if (!total.ok() && (!pairs.ok() || !inflated.is_part)) return total.error();
  if (!total.ok()) Log(LogLevel::kWarning, "only the pairs before this are counted: " + total.error().message);
  score.total_pairs = total.ok() ? total.value() : original->position();
  if (has_other_length(score.total_pairs)) return WrongLength(request, inflated.frames, score.total_pairs);
  if (!pairs.ok()) return pairs.error();
  score.pairs = pairs.TakeValue();
  NoteLeftOut(request, inflated.frames, score.total_pairs, score);
  score.first_pair = range.first;
  score.raw_first_pair = inflated.first;
  return score;
}

void DescribeJudges(const Nets& nets, const GroundTruthOptions& options, ScoreReport& report) {
  report.nets_bytes = nets.info().size_bytes();
  report.nets_label = nets.info().label;
  report.segnet_sha256 = nets.info().segnet_sha256;
  report.posenet_sha256 = nets.info().posenet_sha256;
  report.device = nets.device().ToString();
  report.torch = TorchDescription();
  if (nets.info().folder == kCheckoutModels) {
    report.notes.push_back("the nets are those in ./models, as upstream's evaluate.py takes them");
  }
  if (nets.device().cuda && options.dump.empty()) {
    report.notes.push_back(
        "ground truth decoded by FFmpeg, not DALI: this is not the official CUDA score, which was about 0.03 higher "
        "for the five submissions whose scores on both are known; --gt raw:FILE takes DALI's frames");
  }
}

void AddGroundTruth(const ClipScore& clip, ScoreReport& report) {
  if (report.ground_truth_decoder.empty()) {
    report.ground_truth = clip.ground_truth.description;
    report.ground_truth_decoder = clip.ground_truth.decoder;
    report.ground_truth_sha256 = clip.ground_truth.frames_sha256;
  } else if ((", " + report.ground_truth_decoder + ", ").find(", " + clip.ground_truth.decoder + ", ") ==
             std::string::npos) {
    report.ground_truth_decoder += ", " + clip.ground_truth.decoder;
  }
  report.from_cache = report.from_cache && clip.from_cache;
  report.notes.insert(report.notes.end(), clip.notes.begin(), clip.notes.end());
}

void FillMeans(std::span<const std::vector<PairDistortion>> clips, const Device& device, size_t batch_size,
               ScoreReport& report) {
  const MeanDistortion exact = ExactMeans(report.pairs);
  const MeanDistortion upstream = UpstreamMeans(
      clips, batch_size, [&device](std::span<const float> figures) { return SumFloat32(figures, device); });
  report.score.seg = exact.seg;
  report.score.pose = exact.pose;
  report.upstream = report.score;
  report.upstream.seg = upstream.seg;
  report.upstream.pose = upstream.pose;
}

}  // namespace kitsink
