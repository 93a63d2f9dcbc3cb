#include <algorithm>
#include <cmath>
#include <string>

#include "kitsink/score.h"

namespace kitsink {
namespace {

Result<std::vector<FramePair>> TakeBatch(const PairSource& source, size_t batch_size) {
  std::vector<FramePair> batch;
  while (batch.size() < batch_size) {
    KIT_ASSIGN(std::optional<FramePair> pair, source());
    if (!pair.has_value()) break;
    batch.push_back(std::move(*pair));
  }
  return batch;
}

}  // namespace

Result<std::vector<PairDistortion>> MeasureDistortion(const PairSource& original, const PairSource& inflated,
                                                      Observer& observer, size_t batch_size, Progress& progress,
                                                      uint64_t expected_pairs) {
  KIT_CHECK(batch_size > 0);
  std::vector<PairDistortion> pairs;
  progress.Begin("score", expected_pairs, "pairs");
  for (;;) {
    KIT_ASSIGN(const std::vector<FramePair> truth, TakeBatch(original, batch_size));
    KIT_ASSIGN(const std::vector<FramePair> trial, TakeBatch(inflated, batch_size));
    if (truth.size() != trial.size()) {
      return Error{Code::kCorrupt, "the clips end apart: the original has " +
                                       std::string(truth.size() > trial.size() ? "more" : "fewer") +
                                       " pairs than the inflated one, which ends at pair " +
                                       std::to_string(pairs.size() + std::min(truth.size(), trial.size()))};
    }
    if (truth.empty()) break;
    KIT_ASSIGN(const std::vector<Observation> expected, observer.Observe(truth));
    KIT_ASSIGN(const std::vector<Observation> got, observer.Observe(trial));
    for (size_t i = 0; i < expected.size(); ++i) pairs.push_back(ComparePair(expected[i], got[i]));
    progress.Update(pairs.size(), FormatMeans(ExactMeans(pairs)));
    if (progress.stop_requested()) return Error{Code::kIo, "interrupted"};
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
