#pragma once
// The first stage of compress: what the nets read in every pair of the video.

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
// read are decoded and passed over.
Result<ObservedClip> ObserveClip(PairReader& reader, Nets& nets, const ResumeFolder& folder, WeightFitter& fitter,
                                 const CodingContext& context);

}  // namespace kitsink::search
