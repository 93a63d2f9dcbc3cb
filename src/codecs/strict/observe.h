#pragma once
// The first stage of compress: runs the nets on every pair of the video.

#include <array>
#include <vector>

#include "kitsink/class_maps.h"
#include "kitsink/codec.h"
#include "kitsink/frame.h"
#include "kitsink/nets.h"
#include "kitsink/video.h"

namespace kitsink::strict {

// Mean RGB of each class, 0 .. 255.
using ClassColours = std::array<std::array<float, 3>, kNumClasses>;

// What the nets read in the original, in the batches of the scorer, and what its pictures look like.
struct Targets {
  std::vector<Observation> pairs;
  ClassColours colours = {};  // 127.5 for a class that no pixel has
};

// The class maps of all pairs.
inline MaskClip MapsOf(const Targets& targets) {
  MaskClip maps{kModelGrid.width, kModelGrid.height, static_cast<uint32_t>(targets.pairs.size()), kNumClasses, {}};
  for (const Observation& target : targets.pairs) {
    maps.ids.insert(maps.ids.end(), target.class_map.begin(), target.class_map.end());
  }
  return maps;
}

// Reads the clip once. Pairs that an earlier job has observed are decoded and skipped. kIo when the video has other
// than `num_pairs` pairs.
Result<Targets> ObserveClip(PairReader& reader, uint64_t num_pairs, Nets& nets, const ResumeFolder& folder,
                            Progress& progress);

}  // namespace kitsink::strict
