#pragma once
// What compress knows of the original: what the nets read in it, and its pictures as they read them.

#include <functional>
#include <vector>

#include "kitsink/codec.h"
#include "kitsink/frame.h"
#include "kitsink/nets.h"
#include "kitsink/video.h"

namespace kitsink::video {

// The targets of all pairs, in the batches of the scorer. Batches that an earlier job has observed are decoded and
// skipped. kIo when the video has other than `num_pairs` pairs.
Result<std::vector<Observation>> ObserveClip(PairReader& reader, uint64_t num_pairs, Nets& nets,
                                             const ResumeFolder& folder, Progress& progress);

// Calls `use` for each frame of a range of pairs in turn, resized to kModelGrid as the nets resize it.
Status ForEachGridFrame(const CompressContext& context, const PairRange& range,
                        const std::function<Status(const Frame&)>& use);

}  // namespace kitsink::video
