#pragma once
// Measures a score: the original's pairs, the inflated frames, the nets, and what was observed before.

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

// Delivers the next pair, or nothing at the end.
using PairStream = std::function<Result<std::optional<FramePair>>()>;

// Delivers what the nets read in the next `count` pairs; in fewer, or none, only at the end.
using ObservationStream = std::function<Result<std::vector<Observation>>(size_t count)>;

// Reads pairs and observes them together. `observer` must outlive the result.
ObservationStream ObservePairs(PairStream stream, Observer& observer);

// Compares the two clips, `pairs_at_once` at a time. They must end together: kCorrupt otherwise.
Result<std::vector<PairDistortion>> MeasureDistortion(const ObservationStream& original,
                                                      const ObservationStream& inflated, size_t pairs_at_once,
                                                      Progress& progress, uint64_t expected_pairs);

// Where the original's frames come from, whatever device the nets run on.
struct GroundTruthOptions {
  // Raw frames of another decoder, with their record beside them (docs/usage.md); empty: the video is decoded here, to
  // the same bytes as by PyAV and upstream's conversion.
  std::filesystem::path dump;
};

// What a score says of the frames that it took for the original's.
struct GroundTruthInfo {
  std::string description;    // for people
  std::string decoder;        // name and version
  std::string frames_sha256;  // of the dump; of the video when it is decoded here
};

// Reads and checks what is known without decoding. `video_sha256` is the original's. For a dump FILE.raw its record
// FILE.json must name decoder, sha256 and video_sha256, and both sums must be right: frames of unknown origin would
// give a score that cannot be compared with any other.
Result<GroundTruthInfo> DescribeGroundTruth(const GroundTruthOptions& options, const std::string& video_sha256);

// Pairs of a range in order.
class GroundTruth {
 public:
  static Result<GroundTruth> Open(const std::filesystem::path& video, const GroundTruthOptions& options,
                                  const PairRange& range, const Limits& limits);
  // As PairReader's.
  Result<std::optional<FramePair>> Next();
  Result<uint64_t> CountAllPairs();
  FrameSize frame_size() const { return video_.frame_size(); }
  uint64_t estimated_pairs() const;

 private:
  GroundTruth(PairReader video, std::optional<RawReader> dump, const PairRange& range)
      : video_(std::move(video)), dump_(std::move(dump)), range_(range), next_(range.first) {}
  PairReader video_;  // says the frame size even when a dump gives the frames
  std::optional<RawReader> dump_;
  PairRange range_;
  uint64_t next_ = 0;  // pair of the dump
};

// Pair `index` of raw frames.
Result<FramePair> ReadPair(RawReader& raw, uint64_t index);

struct ClipRequest {
  std::filesystem::path video, raw;
  GroundTruthOptions ground_truth;
  std::optional<PairRange> pairs;
  size_t batch_size = kUpstreamBatchSize;
  bool use_cache = true;
  bool may_name_pairs = false;  // `pairs` is the user's to set, and an error says so
  Limits limits;
};

struct ClipScore {
  std::vector<PairDistortion> pairs;
  uint64_t total_pairs = 0;  // of the original
  GroundTruthInfo ground_truth;
  std::string video_sha256;
  bool from_cache = false;  // the original's observations were
};

// kCorrupt for a .raw that is short, long or of another size.
Result<ClipScore> ScoreClip(const ClipRequest& request, Nets& nets, Progress& progress);

// Fills in what a report says of the nets and the device.
void DescribeJudges(const Nets& nets, const GroundTruthOptions& options, ScoreReport& report);
// Adds a clip's ground truth to a report, whose from_cache stays true only if this clip's is.
void AddGroundTruth(const ClipScore& clip, ScoreReport& report);
// Fills in both means, the exact and upstream's. REQUIRES: a pair.
void FillMeans(std::span<const std::vector<PairDistortion>> clips, size_t batch_size, ScoreReport& report);

}  // namespace kitsink
