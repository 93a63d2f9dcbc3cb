#pragma once
// The network of decoder.h as LibTorch functions, for training. They throw what LibTorch throws: call them inside
// Guarded.

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/hnerv/scene.h"

namespace kitsink::hnerv {

// Random values in the order of DecoderTensors(shape), of the sizes (out, in, y, x) of a convolution, (out, in) of the
// stem and (out) of a bias: uniform up to 1 / sqrt(inputs of an output), as PyTorch starts such layers.
std::vector<torch::Tensor> StartValues(const DecoderShape& shape, uint64_t seed, torch::Device device);
// The values of stored tensors. REQUIRES: as many codes as DecoderTensors(shape) says.
std::vector<torch::Tensor> ValuesOf(const DecoderShape& shape, std::span<const Int8Tensor> tensors,
                                    torch::Device device);

// f0 and f1 of kModelGrid, [N, 6, 384, 512]: red, green and blue of f0, then of f1, 0 .. 255. `latents` is [N, dims].
torch::Tensor RenderPictures(const DecoderShape& shape, std::span<const torch::Tensor> values,
                             const torch::Tensor& latents);

// What the nets read, [N, 6, 384, 512], in the frames that the scene's chain makes of such pictures.
torch::Tensor ReadPictures(const Scene& scene, const torch::Tensor& pictures);

}  // namespace kitsink::hnerv
