#pragma once
// The original as a codec's compress sees it: its pairs, what the nets read in them, and its pictures on their grid.

#include <functional>
#include <vector>

#include "kitsink/codec.h"
#include "kitsink/frame.h"
#include "kitsink/nets.h"
#include "kitsink/scorer.h"

namespace kitsink {

struct Original {
  GroundTruth pairs;       // at its first pair
  uint64_t num_pairs = 0;  // by decoding: a container's claim may be wrong, and a raw stream claims nothing
};
// The pairs of the context's range. Errors as GroundTruth::Open() and CountPairs().
Result<Original> OpenOriginal(const CompressContext& context);

// What the nets read in all pairs, in the batches of the scorer. Batches that an earlier job has observed, and those of
// other processes, are decoded and skipped. kIo when there are other than `num_pairs` pairs.
Result<std::vector<Observation>> ObserveOriginal(Original& original, Nets& nets, const ResumeFolder& folder,
                                                 Progress& progress);

// Calls `use` for each pair of a range in turn, both frames resized to kModelGrid as the nets resize them.
Status ForEachGridPair(const CompressContext& context, const PairRange& range,
                       const std::function<Status(const FramePair&)>& use);

}  // namespace kitsink
