#pragma once
// The network that renders f1 as LibTorch functions, for training. They throw what LibTorch throws: call them inside
// Guarded.

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/strict/observe.h"
#include "codecs/strict/scene.h"

namespace kitsink::strict {

// Ids [N, H, W], int64, of the pairs of `indices`.
torch::Tensor MapsToTensor(const MaskClip& clip, std::span<const int64_t> indices, torch::Device device);

// Real values in the order of RendererTensors(shape), as leaves that require gradients: a renderer that paints each
// class in its mean colour, up to small noise by which its channels differ.
std::vector<torch::Tensor> StartValues(const RendererShape& shape, const ClassColours& colours, uint64_t seed,
                                       torch::Device device);
// A stored renderer's values.
std::vector<torch::Tensor> ValuesOf(const Renderer& renderer, torch::Device device);
// The values that a stored renderer will have, with straight-through gradients; and the stored renderer itself.
std::vector<torch::Tensor> Quantised(const RendererShape& shape, std::span<const torch::Tensor> values);
Result<Renderer> QuantiseRenderer(const RendererShape& shape, bool preimage, std::span<const torch::Tensor> values);

// The network's input [N, classes + 4, H, W] for maps as MapsToTensor gives them: a plane for each class, 1 where the
// map has it, then X, Y, X^2 and Y^2.
torch::Tensor InputPlanes(const torch::Tensor& maps, int64_t num_classes);
// [N, 3, H, W], 0 .. 255, of such planes. `pairs` [N] int64, their rows of frame_embed.
torch::Tensor RenderPlanes(const RendererShape& shape, std::span<const torch::Tensor> values,
                           const torch::Tensor& planes, const torch::Tensor& pairs);
torch::Tensor RenderPicture(const RendererShape& shape, std::span<const torch::Tensor> values,
                            const torch::Tensor& maps, const torch::Tensor& pairs);

}  // namespace kitsink::strict
