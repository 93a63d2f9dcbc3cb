// Computes scores: distortions, means and terms.

#include "kitsink/score.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kitsink/hash.h"

namespace kitsink {

double Score::pose_term() const { return std::sqrt(10 * pose); }

double DistortionTerms(double seg, double pose) {
  const Score score{.seg = seg, .pose = pose};
  return score.seg_term() + score.pose_term();
}

PairDistortion ComparePair(const Observation& original, const Observation& inflated) {
  KIT_CHECK(original.class_map.size() == inflated.class_map.size() && !original.class_map.empty());
  size_t differing = 0;
  for (size_t i = 0; i < original.class_map.size(); ++i) {
    differing += original.class_map[i] != inflated.class_map[i] ? 1 : 0;
  }
  float squares = 0;
  for (size_t i = 0; i < original.pose.size(); ++i) {
    const float difference = original.pose[i] - inflated.pose[i];
    squares += difference * difference;
  }
  return PairDistortion{.seg = static_cast<float>(differing) / static_cast<float>(original.class_map.size()),
                        .pose = squares / static_cast<float>(original.pose.size())};
}

MeanDistortion ExactMeans(std::span<const PairDistortion> pairs) {
  KIT_CHECK(!pairs.empty());
  MeanDistortion means;
  for (const PairDistortion& pair : pairs) {
    means.seg += static_cast<double>(pair.seg);
    means.pose += static_cast<double>(pair.pose);
  }
  means.seg /= static_cast<double>(pairs.size());
  means.pose /= static_cast<double>(pairs.size());
  return means;
}

MeanDistortion UpstreamMeans(std::span<const std::vector<PairDistortion>> clips, size_t batch_size,
                             const BatchSum& sum) {
  KIT_CHECK(batch_size > 0);
  float seg_total = 0;
  float pose_total = 0;
  size_t num_pairs = 0;
  for (const std::vector<PairDistortion>& clip : clips) {
    std::vector<float> seg, pose;
    for (const PairDistortion& pair : clip) {
      seg.push_back(pair.seg);
      pose.push_back(pair.pose);
    }
    for (size_t first = 0; first < clip.size(); first += batch_size) {
      const size_t count = std::min(batch_size, clip.size() - first);
      seg_total += sum(std::span(seg).subspan(first, count));
      pose_total += sum(std::span(pose).subspan(first, count));
    }
    num_pairs += clip.size();
  }
  KIT_CHECK(num_pairs > 0);
  const float count = static_cast<float>(num_pairs);
  return {static_cast<double>(seg_total / count), static_cast<double>(pose_total / count)};
}

std::string FormatMeans(const MeanDistortion& means) {
  char text[64];
  std::snprintf(text, sizeof(text), "seg %.6f pose %.6f", means.seg, means.pose);
  return text;
}

std::string FormatTerms(const MeanDistortion& means) {
  const Score score{.seg = means.seg, .pose = means.pose};
  char text[64];
  std::snprintf(text, sizeof(text), "terms so far: seg %.4f pose %.4f", score.seg_term(), score.pose_term());
  return text;
}

std::string ListSha256(std::span<const std::string> sha256s) {
  std::string lines;
  for (const std::string& sha256 : sha256s) lines += sha256 + "\n";
  return Sha256Hex(std::span(reinterpret_cast<const uint8_t*>(lines.data()), lines.size()));
}

Score ScoreReport::WithNets() const {
  Score counted = score;
  counted.archive_bytes += nets_bytes;
  return counted;
}

}  // namespace kitsink
