#pragma once
// The first stage of compress: runs the nets on every pair of the video.

#include <vector>

#include "codecs/search/fit.h"
#include "kitsink/codec.h"
#include "kitsink/mask.h"
#include "kitsink/nets.h"
#include "kitsink/video.h"

namespace kitsink::search {

struct ObservedClip {
  FrameSize frame_size;
  MaskClip mask;
  std::vector<float> poses;  // count x kPoseValues
};

// Reads the clip once: class maps and poses for the scene, teacher logits for the fitter. Pairs that an earlier job has
// observed are decoded and skipped. `num_pairs` is how many the reader gives.
Result<ObservedClip> ObserveClip(PairReader& reader, uint64_t num_pairs, Nets& nets, const ResumeFolder& folder,
                                 WeightFitter& fitter, const CodingContext& context);

}  // namespace kitsink::search
