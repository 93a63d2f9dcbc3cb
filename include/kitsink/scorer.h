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

// The next `count` pairs of a stream; fewer, or none, only at its end.
Result<std::vector<FramePair>> NextPairs(const PairStream& stream, size_t count);

// Gives observations that are there already. They must outlive the result.
ObservationStream GiveObservations(std::span<const Observation> observations);

// Reads pairs and observes them together. `observer` must outlive the result.
ObservationStream ObservePairs(PairStream stream, Observer& observer);

// Compares two clips, `pairs_at_once` pairs at a time. kCorrupt when one is shorter than the other.
Result<std::vector<PairDistortion>> MeasureDistortion(const ObservationStream& original,
                                                      const ObservationStream& inflated, size_t pairs_at_once,
                                                      Progress& progress, uint64_t expected_pairs);

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

// The frames of a .raw as upstream reads them: it leaves out an odd last frame and bytes behind the last whole frame.
class InflatedFrames {
 public:
  // REQUIRES: a frame of `size` has bytes.
  static Result<InflatedFrames> Open(const std::filesystem::path& path, FrameSize size);
  InflatedFrames(InflatedFrames&& other) noexcept;
  InflatedFrames& operator=(InflatedFrames&&) = delete;
  ~InflatedFrames();
  uint64_t num_frames() const { return size_bytes_ / size_.size_bytes(); }
  uint64_t num_pairs() const { return num_frames() / 2; }
  uint64_t trailing_bytes() const { return size_bytes_ % size_.size_bytes(); }
  // "9 frames of 1164 x 874 and 12 bytes more"
  std::string Description() const;
  // REQUIRES: index < num_pairs().
  Result<FramePair> ReadPair(uint64_t index);

 private:
  InflatedFrames(std::filesystem::path path, FrameSize size, uint64_t size_bytes);
  Result<Frame> ReadFrame(uint64_t index);
  std::filesystem::path path_;
  FrameSize size_;
  uint64_t size_bytes_ = 0;
  int descriptor_ = -1;
};

struct ClipRequest {
  std::filesystem::path video, raw;
  GroundTruthOptions ground_truth;
  std::optional<PairRange> pairs;  // of the original, to score; default: those in the .raw
  // Pairs of the original that the .raw holds, where a manifest tells. Else it holds all of them, or, when it has the
  // length of `pairs`, exactly these.
  std::optional<PairRange> held;
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
  bool from_cache = false;         // the original's observations came from the cache
  uint64_t first_pair = 0;         // first scored pair of the original
  uint64_t raw_first_pair = 0;     // first pair of the original that the .raw holds
  std::vector<std::string> notes;  // what of the .raw was left out, as upstream leaves it out
};

// Leaves out what upstream leaves out, with a note: an odd last frame, bytes behind the last whole frame, and pairs
// behind the original's end where a batch ends there too. kCorrupt for a .raw of any other length: above all for a
// short one, which upstream scores when it ends with a batch. kInvalidArgument for pairs that the .raw does not hold.
Result<ClipScore> ScoreClip(const ClipRequest& request, Nets& nets, Progress& progress);

// Fills in what a report says about the nets and the device.
void DescribeJudges(const Nets& nets, const GroundTruthOptions& options, ScoreReport& report);
// Adds a clip's ground truth and notes to a report. The report's from_cache stays true only if this clip's is true.
void AddGroundTruth(const ClipScore& clip, ScoreReport& report);
// Fills in the exact and upstream's means. The latter's sums are formed on `device`, as upstream's. REQUIRES: at least
// one pair.
void FillMeans(std::span<const std::vector<PairDistortion>> clips, const Device& device, size_t batch_size,
               ScoreReport& report);

}  // namespace kitsink
