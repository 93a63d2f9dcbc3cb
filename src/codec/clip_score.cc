#include "codec/clip_score.h"

#include <algorithm>
#include <string>

#include "codec/observation_cache.h"
#include "codec/prefetch.h"
#include "kitsink/hash.h"
#include "kitsink/version.h"

namespace kitsink {
namespace {

constexpr size_t kReadAhead = 4;    // pairs
constexpr size_t kPairsAtOnce = 2;  // on a CPU, where more at once are no faster and take more memory

// Everything that the observations depend on: a line each.
std::string CacheKey(const GroundTruthInfo& truth, const Nets& nets, size_t pairs_at_once) {
  return "kitsink " + std::string(Version()) + "\nframes " + truth.frames_sha256 + "\ndecoder " + truth.decoder +
         "\nSegNet " + nets.info().segnet_sha256 + "\nPoseNet " + nets.info().posenet_sha256 + "\ndevice " +
         nets.device().ToString() + ", " + std::to_string(pairs_at_once) + " pairs\n" + TorchDescription() + "\n";
}

// A cache that is absent, damaged or unreadable only costs time.
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

// The .raw of a clip, or of just the part that is scored.
struct Inflated {
  RawReader raw;
  uint64_t num_pairs = 0;
  bool is_part = false;
  uint64_t next = 0, end = 0;  // pairs of the file still to read
};

Result<Inflated> OpenInflated(const ClipRequest& request, const PairRange& range, FrameSize frame_size) {
  KIT_ASSIGN(RawReader raw, RawReader::Open(request.raw, frame_size));
  const uint64_t num_frames = raw.num_frames();
  if (num_frames % 2 != 0) {
    return Error{Code::kCorrupt,
                 request.raw.string() + ": has " + std::to_string(num_frames) + " frames, expected an even number"};
  }
  Inflated inflated{std::move(raw), num_frames / 2};
  inflated.is_part = request.pairs.has_value() && inflated.num_pairs == range.end - range.first;
  inflated.next = inflated.is_part ? 0 : range.first;
  inflated.end = std::min(inflated.num_pairs, inflated.next + (range.end - range.first));
  return inflated;
}

// Upstream stops where the shorter clip ends: without a word when that is the end of one of its batches.
Error WrongLength(const ClipRequest& request, uint64_t raw_pairs, uint64_t total_pairs) {
  std::string upstream;
  if (raw_pairs < total_pairs && raw_pairs % request.batch_size == 0 && raw_pairs > 0) {
    upstream = "; upstream would have scored these " + std::to_string(raw_pairs) + " without a word";
  }
  const bool may_be_a_part = raw_pairs < total_pairs && request.may_name_pairs;
  return Error{Code::kCorrupt, request.raw.string() + ": has " + std::to_string(raw_pairs) +
                                   " pairs, the original has " + std::to_string(total_pairs) + upstream +
                                   (may_be_a_part ? "; --pairs A:B scores a part" : "")};
}

}  // namespace

Result<ClipScore> ScoreClip(const ClipRequest& request, Nets& nets, Progress& progress) {
  const PairRange range = request.pairs.value_or(PairRange{});
  ClipScore score;
  KIT_ASSIGN(score.video_sha256, Sha256HexOfFile(request.video));
  KIT_ASSIGN(score.ground_truth, DescribeGroundTruth(request.ground_truth, score.video_sha256));
  const size_t at_once = nets.device().cuda ? request.batch_size : kPairsAtOnce;
  const std::string key = CacheKey(score.ground_truth, nets, at_once);
  const std::filesystem::path folder = request.use_cache ? CacheFolder() : std::filesystem::path();
  const std::filesystem::path cache_path = folder.empty() ? folder : ObservationCachePath(folder, key);

  std::optional<ObservationCacheReader> cache = OpenCache(cache_path, key);
  std::optional<GroundTruth> truth;
  std::optional<ObservationCacheWriter> writer;
  FrameSize frame_size;
  uint64_t expected = 0;
  if (cache.has_value()) {
    score.from_cache = true;
    score.total_pairs = cache->num_pairs();
    frame_size = cache->frame_size();
    if (range.first >= score.total_pairs || (range.end != UINT64_MAX && range.end > score.total_pairs)) {
      return Error{Code::kInvalidArgument,
                   "video: has " + std::to_string(score.total_pairs) + " pairs, the range asks for more"};
    }
    for (uint64_t i = 0; i < range.first; ++i) KIT_TRY(cache->Next());
    expected = std::min(score.total_pairs, range.end) - range.first;
  } else {
    KIT_ASSIGN(truth, GroundTruth::Open(request.video, request.ground_truth, range, request.limits));
    frame_size = truth->frame_size();
    expected = truth->estimated_pairs();
    // Only a whole clip is kept: a part of one would have to be known as a part.
    if (!request.pairs.has_value()) writer = StartCache(cache_path, key, frame_size);
  }
  KIT_ASSIGN(Inflated inflated, OpenInflated(request, range, frame_size));
  if (cache.has_value() && !inflated.is_part && inflated.num_pairs != score.total_pairs) {
    return WrongLength(request, inflated.num_pairs, score.total_pairs);
  }

  const PairSource inflated_pairs = [&inflated]() -> Result<std::optional<FramePair>> {
    if (inflated.next >= inflated.end) return std::optional<FramePair>();
    KIT_ASSIGN(FramePair pair, ReadPair(inflated.raw, inflated.next));
    ++inflated.next;
    return std::optional<FramePair>(std::move(pair));
  };
  uint64_t left = expected;
  bool truth_ended_well = true;
  ObservationSource original;
  if (cache.has_value()) {
    original = [&cache, &left](size_t count) -> Result<std::vector<Observation>> {
      std::vector<Observation> observations;
      for (; left > 0 && observations.size() < count; --left) {
        KIT_ASSIGN(std::optional<Observation> observation, cache->Next());
        observations.push_back(std::move(*observation));
      }
      return observations;
    };
  } else {
    const PairSource truth_pairs = [&truth, &truth_ended_well] {
      Result<std::optional<FramePair>> pair = truth->Next();
      truth_ended_well = pair.ok();
      return pair;
    };
    original = [observe = ObservePairs(ReadAhead(truth_pairs, kReadAhead), nets),
                &writer](size_t count) -> Result<std::vector<Observation>> {
      KIT_ASSIGN(std::vector<Observation> observations, observe(count));
      for (const Observation& observation : observations) {
        if (writer.has_value()) KIT_TRY(writer->Add(observation));
      }
      return observations;
    };
  }
  Result<std::vector<PairDistortion>> pairs = MeasureDistortion(
      original, ObservePairs(ReadAhead(inflated_pairs, kReadAhead), nets), at_once, progress, expected);
  original = nullptr;  // ends the thread that reads the ground truth

  if (!cache.has_value()) {
    // Two clips that end apart are an error already, but both lengths say more.
    if (!pairs.ok() && (pairs.error().code != Code::kCorrupt || !truth_ended_well)) return pairs.error();
    KIT_ASSIGN(score.total_pairs, truth->CountAllPairs());
    if (!inflated.is_part && inflated.num_pairs != score.total_pairs) {
      return WrongLength(request, inflated.num_pairs, score.total_pairs);
    }
  }
  if (!pairs.ok()) return pairs.error();
  score.pairs = pairs.TakeValue();
  if (writer.has_value()) {
    if (const Status status = writer->Commit(); !status.ok()) {
      Log(LogLevel::kWarning, "nothing is cached: " + status.error().message);
    }
  }
  return score;
}

void DescribeJudges(const Nets& nets, const GroundTruthOptions& options, ScoreReport& report) {
  report.nets_bytes = nets.info().size_bytes();
  report.nets_label = nets.info().label;
  report.segnet_sha256 = nets.info().segnet_sha256;
  report.posenet_sha256 = nets.info().posenet_sha256;
  report.device = nets.device().ToString();
  report.torch = TorchDescription();
  if (nets.device().cuda && options.dump.empty()) {
    report.notes.push_back(
        "ground truth decoded by FFmpeg, not DALI: this is not the official CUDA score, which was about 0.03 higher "
        "for the five submissions whose scores on both are known; --gt raw:FILE takes DALI's frames");
  }
}

void AddGroundTruth(const ClipScore& clip, ScoreReport& report) {
  const auto append = [](std::string& list, const std::string& item) {
    if (list != item) list += (list.empty() ? "" : ", ") + item;
  };
  append(report.ground_truth, clip.ground_truth.description);
  append(report.ground_truth_decoder, clip.ground_truth.decoder);
  append(report.ground_truth_sha256, clip.ground_truth.frames_sha256);
  report.from_cache = report.from_cache && clip.from_cache;
}

void FillMeans(std::span<const std::vector<PairDistortion>> clips, size_t batch_size, ScoreReport& report) {
  const MeanDistortion exact = ExactMeans(report.pairs);
  const MeanDistortion upstream = UpstreamMeans(clips, batch_size);
  report.score.seg = exact.seg;
  report.score.pose = exact.pose;
  report.upstream = report.score;
  report.upstream.seg = upstream.seg;
  report.upstream.pose = upstream.pose;
}

}  // namespace kitsink
