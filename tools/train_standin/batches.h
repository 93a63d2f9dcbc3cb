#pragma once
// Scenes as tensors, and the batches that are drawn from them for training.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>

#include "train_standin/scenes.h"

namespace kitsink::standin {

struct Scenes {
  torch::Tensor pictures;  // uint8 [N, kViews, 3, H, W]
  torch::Tensor maps;      // uint8 [N, H, W], of the last view
  torch::Tensor poses;     // float [N, kPairs, 6]: the motion as if in kFrameSeconds, in m/s and rad/s
  torch::Tensor mounts;    // float [N, 2]: the pitch and yaw at which the camera is mounted, radians
  torch::Tensor tracks;    // float [N, kPairs, 2, H / kTrackStep, W / kTrackStep]: see road::TrackCells
  int64_t count() const { return pictures.size(0); }
};

Result<Scenes> LoadScenes(const std::filesystem::path& folder, Seeds seeds);

// All random numbers below come from LibTorch's default generator. The caller seeds it.

struct SegBatch {
  torch::Tensor pictures;  // float [B, 3, height, width], 0 .. 255
  torch::Tensor maps;      // int64 [B, height, width]
};
// Crops of the last views at random places; some are mirrored, and light, lens and noise vary.
SegBatch DrawSegBatch(const Scenes& scenes, int64_t size, int64_t height, int64_t width);

// Mean and standard deviation of the poses in the scenes, by which poses are normalised.
struct PoseScale {
  torch::Tensor mean, spread;  // float [6]
};
PoseScale MeasurePoses(const Scenes& scenes);

struct PoseBatch {
  torch::Tensor f0, f1;  // float [B, 3, H, W], 0 .. 255
  torch::Tensor poses;   // float [B, 6]
  torch::Tensor flow;    // float [B, 2, h, w]: displacement of each cell of the coarse grid, in cells of the model grid
  torch::Tensor known;   // bool [B, 1, h, w]: true where the flow is known
};
// Pairs of whole pictures, or of quarters of pictures, whose poses mean nothing. Some pairs are mirrored, some do not
// move, and in most the second camera is turned by an added rotation. The added rotation is exact: turning a camera
// about its lens is a homography of its picture. `turns` is the largest standard deviation of the added rotations, in
// standard deviations of those in the scenes.
PoseBatch DrawPoseBatch(const Scenes& scenes, const PoseScale& scale, double turns, int64_t size, bool whole);

}  // namespace kitsink::standin
