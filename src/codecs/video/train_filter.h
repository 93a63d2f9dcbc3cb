#pragma once
// Trains the restoration filter against the nets.

#include <functional>
#include <optional>
#include <span>

#include "codecs/video/scene.h"
#include "kitsink/log.h"
#include "kitsink/nets.h"
#include "kitsink/train.h"

namespace kitsink::video {

struct FilterTraining {
  uint32_t width = 16;
  int64_t steps = 1000;         // one pair each
  double learning_rate = 5e-3;  // peak
  double quantise_from = 0.5;   // share of the steps after which the forward pass takes quantised weights
  double pose = 1e-2;           // the mean squared pose error, from which the slope of its term follows
  uint64_t seed = 0;
  std::optional<Filter> start;  // absent: a filter that changes nothing
};

// What the training sees and asks.
struct FilterData {
  std::span<const Observation> targets;  // of each pair
  // The pictures of a pair without a filter, of kModelGrid.
  std::function<FramePair(size_t pair)> pictures;
  // The distortion terms of the clip with this filter, by the nets' reading of real frames.
  std::function<Result<double>(const Filter&)> measure;
};

// The filter with the lowest measured terms. REQUIRES: `start` has the width of the training.
Result<Filter> TrainFilter(const FilterTraining& training, const FilterData& data, Nets& nets,
                           const Checkpoint& checkpoint, Progress& progress);

}  // namespace kitsink::video
