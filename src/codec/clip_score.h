#pragma once
// Distortion of one clip: ground truth, inflated frames, nets and the cache put together.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codec/ground_truth.h"
#include "kitsink/codec.h"

namespace kitsink {

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
