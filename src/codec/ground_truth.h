#pragma once
// The original's pairs: decoded from the video here, or read from a dump of another decoder's frames.

#include <filesystem>
#include <optional>
#include <string>

#include "codec/pairs.h"
#include "kitsink/codec.h"
#include "kitsink/video.h"

namespace kitsink {

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

}  // namespace kitsink
