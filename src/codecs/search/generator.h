#pragma once
// The generator as LibTorch functions, for rendering and for training. They throw what LibTorch throws: call them
// inside Guarded.

#include <torch/torch.h>

#include <span>
#include <utility>
#include <vector>

#include "codecs/search/generator_weights.h"
#include "kitsink/mask.h"

namespace kitsink::search {

// Ids [count, height, width], int64, of maps first .. first + count - 1.
torch::Tensor ClassMapsToTensor(const MaskClip& clip, size_t first, size_t count, torch::Device device);

// Generator values in the order of GeneratorTensors(shape), on `device`, without gradients.
std::vector<torch::Tensor> GeneratorValues(const WeightSet& weights, torch::Device device);

// JointFrameGenerator as a function of its values (order and shapes of GeneratorTensors(shape)), so that the fit can
// pass quantised values. class_maps is [N, H, W] int64, poses is [N, shape.pose]. Returns (f0, f1) on kModelGrid,
// channels in 0 .. 255.
std::pair<torch::Tensor, torch::Tensor> GeneratorForward(const GeneratorShape& shape,
                                                         std::span<const torch::Tensor> values,
                                                         const torch::Tensor& class_maps, const torch::Tensor& poses);

}  // namespace kitsink::search
