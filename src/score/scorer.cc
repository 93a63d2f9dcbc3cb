// Observes two clips with the nets and compares the observations.

#include "kitsink/scorer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

namespace kitsink {

namespace {

// ComparePair, but with the squares added in the order in which upstream's LibTorch adds them on a CPU: the last digits
// of a report depend on it.
PairDistortion CompareAsUpstream(const Observation& original, const Observation& inflated) {
  PairDistortion distortion = ComparePair(original, inflated);
  std::array<float, kPoseValues> squares{};
  for (size_t i = 0; i < squares.size(); ++i) {
    const float difference = original.pose[i] - inflated.pose[i];
    squares[i] = difference * difference;
  }
  distortion.pose = SumFloat32(squares, Device{}) / static_cast<float>(squares.size());
  return distortion;
}

}  // namespace

Result<std::vector<FramePair>> NextPairs(const PairStream& stream, size_t count) {
  std::vector<FramePair> pairs;
  while (pairs.size() < count) {
    KIT_ASSIGN(std::optional<FramePair> pair, stream());
    if (!pair.has_value()) break;
    pairs.push_back(std::move(*pair));
  }
  return pairs;
}

ObservationStream GiveObservations(std::span<const Observation> observations) {
  return [observations, next = size_t{0}](size_t count) mutable -> Result<std::vector<Observation>> {
    const auto part = observations.subspan(next, std::min(count, observations.size() - next));
    next += part.size();
    return std::vector<Observation>(part.begin(), part.end());
  };
}

ObservationStream ObservePairs(PairStream stream, Observer& observer) {
  return [stream = std::move(stream), &observer](size_t count) -> Result<std::vector<Observation>> {
    KIT_ASSIGN(const std::vector<FramePair> pairs, NextPairs(stream, count));
    return observer.Observe(pairs);
  };
}

Result<std::vector<PairDistortion>> MeasureDistortion(const ObservationStream& original,
                                                      const ObservationStream& inflated, size_t pairs_at_once,
                                                      Progress& progress, uint64_t expected_pairs) {
  KIT_CHECK(pairs_at_once > 0);
  std::vector<PairDistortion> pairs;
  progress.Begin("score", expected_pairs, "pairs");
  for (;;) {
    KIT_ASSIGN(const std::vector<Observation> expected, original(pairs_at_once));
    KIT_ASSIGN(const std::vector<Observation> got, inflated(pairs_at_once));
    if (expected.size() != got.size()) {
      return Error{Code::kCorrupt, "the clips end apart: the original has " +
                                       std::string(expected.size() > got.size() ? "more" : "fewer") +
                                       " pairs than the inflated one, which ends at pair " +
                                       std::to_string(pairs.size() + std::min(expected.size(), got.size()))};
    }
    if (expected.empty()) break;
    for (size_t i = 0; i < expected.size(); ++i) pairs.push_back(CompareAsUpstream(expected[i], got[i]));
    progress.Update(pairs.size(), FormatTerms(ExactMeans(pairs)));
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted"};
  }
  progress.End();
  if (pairs.empty()) return Error{Code::kInvalidArgument, "no pair to score"};
  const MeanDistortion means = ExactMeans(pairs);
  if (!std::isfinite(means.seg) || !std::isfinite(means.pose)) {
    return Error{Code::kInternal, "the nets gave a value that is not finite"};
  }
  return pairs;
}

}  // namespace kitsink
