// Chooses selector codes by running the decoder's search with each candidate.

#include "codecs/search/choose_selectors.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kitsink/contest.h"

namespace kitsink::search {
namespace {

std::vector<uint8_t> CandidatesOf(TailKind kind, SelectorEffort effort) {
  std::vector<uint8_t> codes;
  if (effort == SelectorEffort::kFull) {
    for (uint8_t code = 1; code >> TailBits(kind) == 0; ++code) codes.push_back(code);
    return codes;
  }
  switch (kind) {
    case TailKind::kStartSeed: return {2, 5, 8, 11, 14};  // each grid once
    case TailKind::kPoseFactor: return {3, 4, 5};         // 0.9, 1.1, 1.25
    case TailKind::kLossControl: return {1, 2};           // half, twice
  }
  return codes;
}

constexpr TailKind kKinds[] = {TailKind::kStartSeed, TailKind::kPoseFactor, TailKind::kLossControl};

double Distortion(const std::vector<PairDistortion>& pairs) {
  const MeanDistortion means = ExactMeans(pairs);
  return DistortionTerms(means.seg, means.pose);
}

// For each run of `stride` pairs, the candidate with the lowest distortion. outcomes[c][pair] is the outcome of
// candidate c; candidate 0 changes nothing and wins ties. A pair's pose error counts by the slope of sqrt(10 * mean).
// The choices change this mean, so a few rounds repeat them until they settle.
std::vector<size_t> Pick(const std::vector<std::vector<PairDistortion>>& outcomes, size_t stride) {
  const size_t num_pairs = outcomes[0].size();
  std::vector<size_t> picks((num_pairs + stride - 1) / stride, 0);
  double mean_pose = ExactMeans(outcomes[0]).pose;
  for (int round = 0; round < 5; ++round) {
    const double slope = PoseTermSlope(std::max(mean_pose, 1e-9));
    double pose_sum = 0;
    for (size_t unit = 0; unit < picks.size(); ++unit) {
      const size_t first = unit * stride;
      const size_t end = std::min(first + stride, num_pairs);
      double best = 0;
      double best_pose = 0;
      for (size_t c = 0; c < outcomes.size(); ++c) {
        double cost = 0;
        double pose = 0;
        for (size_t i = first; i < end; ++i) {
          cost += 100 * double{outcomes[c][i].seg} + slope * double{outcomes[c][i].pose};
          pose += double{outcomes[c][i].pose};
        }
        if (c > 0 && cost >= best) continue;
        best = cost;
        best_pose = pose;
        picks[unit] = c;
      }
      pose_sum += best_pose;
    }
    mean_pose = pose_sum / static_cast<double>(num_pairs);
  }
  return picks;
}

}  // namespace

uint64_t CountPlays(SelectorEffort effort) {
  if (effort == SelectorEffort::kNone) return 0;
  uint64_t plays = 1;
  for (const TailKind kind : kKinds) plays += CandidatesOf(kind, effort).size();
  return plays;
}

Result<SelectorChoice> ChooseSelectors(size_t num_pairs, SelectorEffort effort, double score_per_byte,
                                       const PlaySearch& play) {
  SelectorChoice choice;
  if (effort == SelectorEffort::kNone) return choice;
  std::vector<PairCodes> codes(num_pairs);
  KIT_ASSIGN(std::vector<PairDistortion> current, play(codes));
  // Each tail is chosen with the earlier tails applied, as the decoder will apply them.
  for (const TailKind kind : kKinds) {
    const std::vector<uint8_t> candidates = CandidatesOf(kind, effort);
    std::vector<std::vector<PairDistortion>> outcomes = {current};
    for (const uint8_t code : candidates) {
      std::vector<PairCodes> tried = codes;
      for (PairCodes& pair : tried) pair.of(kind) = code;
      KIT_ASSIGN(std::vector<PairDistortion> outcome, play(tried));
      outcomes.push_back(std::move(outcome));
    }
    const size_t stride = kind == TailKind::kLossControl ? kPairsPerLossControl : 1;
    const std::vector<size_t> picks = Pick(outcomes, stride);
    Tail tail{kind, {}};
    for (const size_t pick : picks) tail.codes.push_back(pick == 0 ? uint8_t{0} : candidates[pick - 1]);
    std::vector<PairDistortion> picked;
    for (size_t i = 0; i < num_pairs; ++i) picked.push_back(outcomes[picks[i / stride]][i]);

    TailGain gain{kind, 0, Distortion(current) - Distortion(picked), false};
    KIT_ASSIGN(const Bytes stream, EncodeSelectors({{tail}}));
    gain.bytes = stream.size();
    gain.kept = gain.gain > score_per_byte * static_cast<double>(gain.bytes);
    choice.gains.push_back(gain);
    if (!gain.kept) continue;
    for (size_t i = 0; i < num_pairs; ++i) codes[i].of(kind) = tail.codes[i / stride];
    current = std::move(picked);
    choice.table.tails.push_back(std::move(tail));
  }
  choice.distortion = ExactMeans(current);
  return choice;
}

}  // namespace kitsink::search
