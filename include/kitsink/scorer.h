#pragma once
// Measures a score from the original's pairs, the inflated frames, the nets, and cached observations.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kitsink/limits.h"
#include "kitsink/log.h"
#include "kitsink/nets.h"
#include "kitsink/result.h"
#include "kitsink/score.h"
#include "kitsink/video.h"

namespace kitsink {

// Gives the next pair, or nothing at the end.
using PairStream = std::function<Result<std::optional<FramePair>>()>;

// Gives the observations of the next `count` pairs; fewer, or none, only at the end.
using ObservationStream = std::function<Result<std::vector<Observation>>(size_t count)>;

// Reads pairs and observes them together. `observer` must outlive the result.
ObservationStream ObservePairs(PairStream stream, Observer& observer);

// Compares two clips, `pairs_at_once` pairs at a time. kCorrupt when one is shorter than the other.
Result<std::vector<PairDistortion>> MeasureDistortion(const ObservationStream& original,
                                                      const ObservationStream& inflated, size_t pairs_at_once,
                                                      Progress& progress, uint64_t expected_pairs);

// Source of the original's frames; the device of the nets does not change it.
struct GroundTruthOptions {
  // Raw frames of another decoder, with a record beside them (docs/usage.md). Empty: the video is decoded here, to the
  // same bytes as by PyAV and upstream's conversion.
  std::filesystem::path dump;
};

// What a score says about the original's frames that it used.
struct GroundTruthInfo {
  std::string description;    // for people
  std::string decoder;        // name and version
  std::string frames_sha256;  // of the dump; of the video when it is decoded here
};

// Reads and checks what is known without decoding. `video_sha256` is the original's. The record FILE.json of a dump
// FILE.raw must name decoder, sha256 and video_sha256, and both hashes must be right: a score on frames of unknown
// origin cannot be compared with any other.
Result<GroundTruthInfo> DescribeGroundTruth(const GroundTruthOptions& options, const std::string& video_sha256);

// Gives the original's pairs of a range in order.
class GroundTruth {
 public:
  static Result<GroundTruth> Open(const std::filesystem::path& video, const GroundTruthOptions& options,
                                  const PairRange& range, const Limits& limits);
  // As PairReader::Next and PairReader::CountAllPairs.
  Result<std::optional<FramePair>> Next();
  Result<uint64_t> CountAllPairs();
  FrameSize frame_size() const { return video_.frame_size(); }
  // Pairs of the original known to be whole so far, for an original whose rest cannot be decoded.
  uint64_t position() const { return dump_.has_value() ? next_ : video_.position(); }

 private:
  GroundTruth(PairReader video, std::optional<RawReader> dump, const PairRange& range)
      : video_(std::move(video)), dump_(std::move(dump)), range_(range), next_(range.first) {}
  PairReader video_;  // gives the frame size even when a dump gives the frames
  std::optional<RawReader> dump_;
  PairRange range_;
  uint64_t next_ = 0;  // next pair of the dump
};

// Pair `index` of raw frames.
Result<FramePair> ReadPair(RawReader& raw, uint64_t index);

struct ClipRequest {
  std::filesystem::path video, raw;
  GroundTruthOptions ground_truth;
  std::optional<PairRange> pairs;
  size_t batch_size = kUpstreamBatchSize;
  bool use_cache = true;
  bool may_name_pairs = false;  // the user can set `pairs`, so an error may suggest it
  Limits limits;
};

struct ClipScore {
  std::vector<PairDistortion> pairs;
  uint64_t total_pairs = 0;  // of the original
  GroundTruthInfo ground_truth;
  std::string video_sha256;
  bool from_cache = false;  // the original's observations came from the cache
};

// kCorrupt for a .raw that is short, long or of another size.
Result<ClipScore> ScoreClip(const ClipRequest& request, Nets& nets, Progress& progress);

// Fills in what a report says about the nets and the device.
void DescribeJudges(const Nets& nets, const GroundTruthOptions& options, ScoreReport& report);
// Adds a clip's ground truth to a report. The report's from_cache stays true only if this clip's is true.
void AddGroundTruth(const ClipScore& clip, ScoreReport& report);
// Fills in the exact and upstream's means. REQUIRES: at least one pair.
void FillMeans(std::span<const std::vector<PairDistortion>> clips, size_t batch_size, ScoreReport& report);

}  // namespace kitsink
