#pragma once
// The contest's score: its arithmetic and its reports. scorer.h measures it.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// Distortion of one pair, in upstream's float32.
PairDistortion ComparePair(const Observation& original, const Observation& inflated);

// Means over pairs, in double.
struct MeanDistortion {
  double seg = 0;
  double pose = 0;
};

// 100 * seg + sqrt(10 * pose): the distortion terms of a score, here of one pair or of means.
double DistortionTerms(double seg, double pose);

// Exact means of the pairs' float32 figures. REQUIRES: not empty.
MeanDistortion ExactMeans(std::span<const PairDistortion> pairs);
// The sum of a batch's figures in float32. The order of the additions is the library's and changes the last digits.
using BatchSum = std::function<float(std::span<const float>)>;
// The means as upstream computes them: float32 sums over batches of `batch_size`, added in order. A batch never holds
// pairs of two clips. REQUIRES: at least one pair, batch_size > 0.
MeanDistortion UpstreamMeans(std::span<const std::vector<PairDistortion>> clips, size_t batch_size,
                             const BatchSum& sum);
// "seg 0.001234 pose 0.000567"
std::string FormatMeans(const MeanDistortion& means);
// The score's terms of such means, for progress: "terms so far: seg 0.1234 pose 0.0753"
std::string FormatTerms(const MeanDistortion& means);

inline constexpr size_t kUpstreamBatchSize = 16;

// Source of the original's frames; the device of the nets does not change it.
struct GroundTruthOptions {
  // Raw frames of another decoder, with a record beside them (docs/usage.md). Empty: the video is decoded here, to the
  // same bytes as by PyAV and upstream's conversion.
  std::filesystem::path dump;
};

// One of several clips that are scored together. They share the archive, so a clip has no rate term of its own.
struct ScoredClip {
  std::string name;    // in the names file
  std::string sha256;  // of the video
  uint64_t original_bytes = 0;
  uint64_t num_pairs = 0;
  MeanDistortion means;  // exact, over the clip's pairs
};

// Everything that a reader of a score must know.
struct ScoreReport {
  Score score;                   // archive alone, from the exact means
  Score upstream;                // the same from upstream's float32 means
  uint64_t nets_bytes = 0;       // counted in the second accounting when the codec runs the nets at inflate
  std::string codec;             // of the archive; empty for an archive that kitsink does not know
  bool nets_at_inflate = false;  // a fact of the codec; for an unknown codec assumed false, which a note says
  uint64_t first_pair = 0;       // first scored pair
  uint64_t num_pairs = 0;        // scored
  uint64_t total_pairs = 0;      // in the original; more than num_pairs in a partial score
  uint64_t raw_first_pair = 0;   // first pair of the original that the .raw holds; not in the JSON
  std::string original_name, original_sha256;  // of several clips the names file, and ListSha256 of theirs
  std::string inflated_name;                   // of several clips their folder
  std::string archive_name, archive_sha256;
  std::string made;  // JSON: options and seconds from the manifests of archive and frames; empty = unknown
  std::string nets_label, segnet_sha256, posenet_sha256;
  std::string device, torch;
  std::string ground_truth;          // source of the original's frames
  std::string ground_truth_decoder;  // name and version
  std::string ground_truth_sha256;   // of a dump's frames; of the video when decoded here; of several clips ListSha256
  bool from_cache = false;           // the original's observations came from the cache
  std::vector<std::string> notes;    // other things a reader must know: sentences without a final full stop
  size_t batch_size = kUpstreamBatchSize;
  double inflate_seconds = 0;     // of inflate.sh, when it was run
  double seconds = 0;             // of scoring
  std::vector<ScoredClip> clips;  // in the order of the names file when it names several; else empty
  std::vector<PairDistortion> pairs;
  Score WithNets() const;
};

// The SHA-256 of SHA-256s in hexadecimal digits, one a line: names a list of files however long it is.
std::string ListSha256(std::span<const std::string> sha256s);

// The table for people, several lines. Several clips come first, a row each, so that the total ends the text.
std::string FormatScore(const ScoreReport& report);
// GroupDigits(1234567, ",") is "1,234,567".
std::string GroupDigits(uint64_t value, std::string_view separator);
// Upstream's results block, to the byte; only the digits may differ.
std::string FormatUpstreamResults(const ScoreReport& report);
// What a reader of a report.txt must know and upstream's lines do not say: other nets than the contest's, a part of the
// clip. Lines to put after upstream's; empty for a whole score by the contest's nets.
std::string FormatUpstreamRemarks(const ScoreReport& report);
// One JSON object with doubles that round-trip.
std::string FormatScoreJson(const ScoreReport& report);
// Reads what FormatScoreJson wrote. kCorrupt names the field that is missing, of the wrong kind, out of range or in
// contradiction to the others.
Result<ScoreReport> ParseScoreJson(std::string_view text);
// The same of parsed JSON, which must not be nested so deeply that printing it is a danger to the stack.
Result<ScoreReport> ParseScore(const nlohmann::ordered_json& json);

}  // namespace kitsink
