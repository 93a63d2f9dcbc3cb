#pragma once
// The first stage of compress: runs the nets on every pair of the video.

#include <vector>

#include "codecs/original.h"
#include "codecs/search/fit.h"
#include "kitsink/codec.h"
#include "kitsink/mask.h"
#include "kitsink/nets.h"

namespace kitsink::search {

struct ObservedClip {
  FrameSize frame_size;
  MaskClip mask;
  std::vector<float> poses;  // count x kPoseValues
};

// Reads the clip once: class maps and poses for the scene. Pairs that an earlier job has observed, and those of other
// processes, are decoded and skipped. Each pair's reading stays in the folder.
Result<ObservedClip> ObserveClip(Original& original, Nets& nets, const ResumeFolder& folder,
                                 const CodingContext& context);
// An observed pair's logits for the fit.
Result<std::vector<uint16_t>> TeacherLogits(const ResumeFolder& folder, size_t pair);

}  // namespace kitsink::search
