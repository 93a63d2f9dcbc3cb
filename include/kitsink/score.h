#pragma once
// The contest's score: the arithmetic as a pure function, the measurement over frames, and its reports.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kitsink/log.h"
#include "kitsink/nets.h"
#include "kitsink/result.h"

namespace kitsink {

struct Score {
  double seg = 0;   // share of model-grid pixels whose class differs, mean over pairs, 0 .. 1
  double pose = 0;  // mean squared difference of six pose outputs, mean over pairs
  uint64_t archive_bytes = 0;
  uint64_t original_bytes = 0;
  double seg_term() const { return 100 * seg; }
  double pose_term() const;
  double rate() const { return static_cast<double>(archive_bytes) / static_cast<double>(original_bytes); }
  double rate_term() const { return 25 * rate(); }
  // 100 * seg + sqrt(10 * pose) + 25 * rate; lower is better.
  double total() const { return seg_term() + pose_term() + rate_term(); }
};

struct PairDistortion {
  float seg = 0;
  float pose = 0;
};

// Distortion of one pair given what the nets read in the original and in the inflated frames, in upstream's float32.
PairDistortion ComparePair(const Observation& original, const Observation& inflated);

// Means over pairs, in double.
struct MeanDistortion {
  double seg = 0;
  double pose = 0;
};

// Exact means of the pairs' float32 figures. REQUIRES: not empty.
MeanDistortion ExactMeans(std::span<const PairDistortion> pairs);
// The means as upstream forms them: float32 sums over batches of `batch_size`, added up in order.
MeanDistortion UpstreamMeans(std::span<const PairDistortion> pairs, size_t batch_size);
// "seg 0.001234 pose 0.000567"
std::string FormatMeans(const MeanDistortion& means);

// Delivers the next pair, or nothing at the end.
using PairSource = std::function<Result<std::optional<FramePair>>()>;

// Observes both sources batch by batch and compares. The sources must end together: kCorrupt otherwise.
Result<std::vector<PairDistortion>> MeasureDistortion(const PairSource& original, const PairSource& inflated,
                                                      Observer& observer, size_t batch_size, Progress& progress,
                                                      uint64_t expected_pairs);

inline constexpr size_t kUpstreamBatchSize = 16;

// Everything that a reader of a score must know (design.md 3.6).
struct ScoreReport {
  Score score;              // archive alone, from the exact means
  Score upstream;           // the same from upstream's float32 means
  uint64_t nets_bytes = 0;  // counted in the second accounting, because codec search runs the nets at inflate
  bool nets_at_inflate = true;
  uint64_t num_pairs = 0;    // scored
  uint64_t total_pairs = 0;  // in the original; fewer scored = a partial score
  std::string original_name, original_sha256;
  std::string inflated_name;
  std::string archive_name, archive_sha256;
  std::string nets_label, segnet_sha256, posenet_sha256;
  std::string device, torch, ground_truth;
  size_t batch_size = kUpstreamBatchSize;
  double seconds = 0;
  std::vector<PairDistortion> pairs;
  Score WithNets() const;
};

// The table for people, several lines.
std::string FormatScore(const ScoreReport& report);
// Upstream's results block, the same characters apart from the digits.
std::string FormatUpstreamResults(const ScoreReport& report);
// One JSON object with doubles that round-trip.
std::string FormatScoreJson(const ScoreReport& report);

}  // namespace kitsink
