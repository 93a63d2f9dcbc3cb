#pragma once
// Trains a stand-in net and writes its file.

#include <torch/torch.h>

#include <filesystem>
#include <functional>

#include "kitsink/log.h"
#include "kitsink/result.h"
#include "nets/nets_torch.h"
#include "train_standin/batches.h"

namespace kitsink::standin {

struct NetOptions {
  uint64_t seed = 1;
  int64_t steps = 1000, batch = 8;
  double rate = 3e-3;             // the highest; it rises for a twentieth of the steps, then falls along half a cosine
  double decay = 1e-2;            // of AdamW
  double turns = 4;               // PoseNet only: see DrawPoseBatch
  int64_t crop_steps = 0;         // PoseNet only: the first steps, which learn only the flow, on quarters of pictures
  int64_t head_batches = 0;       // PoseNet only: after the steps, its last layers are trained on this many batches
  std::filesystem::path initial;  // safetensors file of the first weights; empty: random weights
  std::filesystem::path checkpoint;  // file that holds the state of an interrupted training
};

SegNetShape StandInSegNet();
PoseNetShape StandInPoseNet();

// Both leave the net in inference mode. The draws of a step depend only on the seed and the step, so that a resumed
// training ends with the same weights.
Status TrainSegNet(FrozenNet& net, const Scenes& scenes, const NetOptions& options, Progress& progress);
// The trained net gives poses in m/s and rad/s.
Status TrainPoseNet(FrozenNet& net, const Scenes& scenes, const NetOptions& options, Progress& progress);

Status SaveNet(const std::filesystem::path& path, const FrozenNet& net);

}  // namespace kitsink::standin
