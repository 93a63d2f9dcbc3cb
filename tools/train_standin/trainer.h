#pragma once
// The training of one net, and its file.

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
  double rate = 3e-3;  // at its peak: a short rise, then half a cosine
  double decay = 1e-2;
  double turns = 4;               // of pairs for PoseNet, see DrawPoseBatch
  int64_t crop_steps = 0;         // for PoseNet: so many steps at first teach the flow alone, on quarters of pictures
  int64_t head_batches = 0;       // for PoseNet: on so many it trains its last layers some more
  std::filesystem::path initial;  // safetensors file to begin with; random weights when empty
  std::filesystem::path checkpoint;  // resumed from when it exists
};

SegNetShape StandInSegNet();
PoseNetShape StandInPoseNet();

// Both leave the net in inference mode. Every step draws from a seed of its own, so that a run that was interrupted
// goes on as if it had not been.
Status TrainSegNet(FrozenNet& net, const Scenes& scenes, const NetOptions& options, Progress& progress);
// The net then gives poses in m/s and rad/s.
Status TrainPoseNet(FrozenNet& net, const Scenes& scenes, const NetOptions& options, Progress& progress);

Status SaveNet(const std::filesystem::path& path, const FrozenNet& net);

}  // namespace kitsink::standin
