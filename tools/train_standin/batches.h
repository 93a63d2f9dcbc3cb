#pragma once
// Scenes as tensors, and batches for training: drawn from scenes, then varied.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>

#include "train_standin/scenes.h"

namespace kitsink::standin {

struct Scenes {
  torch::Tensor pictures;  // uint8 [N, kViews, 3, H, W]
  torch::Tensor maps;      // uint8 [N, H, W], of the last view
  torch::Tensor poses;     // float [N, kPairs, 6]: metres, then radians, each per kFrameSeconds but in units of 1/s
  torch::Tensor mounts;    // float [N, 2]: the camera's constant pitch and yaw, radians
  torch::Tensor tracks;    // float [N, kPairs, 2, H / kTrackStep, W / kTrackStep]: see road::TrackCells
  int64_t count() const { return pictures.size(0); }
};

Result<Scenes> LoadScenes(const std::filesystem::path& folder, Seeds seeds);

// Every draw below comes from LibTorch's default generator; the caller seeds it.

struct SegBatch {
  torch::Tensor pictures;  // float [B, 3, height, width], 0 .. 255
  torch::Tensor maps;      // int64 [B, height, width]
};
// Crops at random places.
SegBatch DrawSegBatch(const Scenes& scenes, int64_t size, int64_t height, int64_t width);

// Mean and spread of the natural motions, by which poses are normalised.
struct PoseScale {
  torch::Tensor mean, spread;  // float [6]
};
PoseScale MeasurePoses(const Scenes& scenes);

struct PoseBatch {
  torch::Tensor f0, f1;  // float [B, 3, H, W], 0 .. 255
  torch::Tensor poses;   // float [B, 6]
  torch::Tensor flow;    // float [B, 2, h, w]: how far each cell of the coarse grid goes, in cells of the model grid
  torch::Tensor known;   // bool [B, 1, h, w]: where the flow is known
};
// Whole pictures, or quarters of them, for which the poses mean nothing. Some pairs are mirrored, some stand still, and
// most are turned: rotating the second camera about its lens is a homography of its picture, so the added rotation is
// exact. `turns` is the largest spread of the added rotations, in spreads of the natural ones.
PoseBatch DrawPoseBatch(const Scenes& scenes, const PoseScale& scale, double turns, int64_t size, bool whole);

}  // namespace kitsink::standin
