#pragma once
// Small clips of codec hnerv, and their frames.

#include <vector>

#include "codecs/hnerv/frames.h"
#include "kitsink/bytes.h"
#include "kitsink/half.h"
#include "testlib.h"

namespace kitsink::testing {

// Sizes of the state dict's tensors, weight and bias in turn.
inline std::vector<size_t> DecoderTensorSizes(const hnerv::DecoderShape& shape) {
  const auto& c = shape.channels;
  const size_t last = c[hnerv::kNumStages], hidden = last / 2;
  std::vector<size_t> sizes = {size_t{48} * c[0] * shape.latent_dims, size_t{48} * c[0]};
  const auto conv = [&sizes](size_t in, size_t out, size_t taps) { sizes.insert(sizes.end(), {in * out * taps, out}); };
  for (size_t i = 0; i < hnerv::kNumStages; ++i) conv(c[i], size_t{4} * c[i + 1], 9);
  for (size_t i = 0; i < hnerv::kNumStages; ++i) {
    if (c[i] != c[i + 1]) conv(c[i], c[i + 1], 1);
  }
  conv(last, hidden, 9);
  conv(hidden, last, 9);
  conv(last, 3, 9);
  conv(last, 3, 9);
  return sizes;
}

// Random weights whose activations neither vanish nor saturate. All numbers are exact quotients, which no compiler
// rounds otherwise.
inline hnerv::Scene SmallClip(const hnerv::DecoderShape& shape, FrameSize frame_size, uint32_t pairs, uint64_t seed) {
  Random random(seed);
  hnerv::Scene scene;
  scene.frame_size = frame_size;
  scene.shape = shape;
  for (const size_t size : DecoderTensorSizes(shape)) {
    hnerv::Int8Tensor& tensor = scene.tensors.emplace_back();
    for (size_t i = 0; i < size; ++i)
      tensor.codes.push_back(static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127));
    tensor.scale = static_cast<float>(25 + random.Below(16)) / 8192.0F;
  }
  hnerv::Latents& latents = scene.latents;
  latents.num_pairs = pairs;
  latents.dims = shape.latent_dims;
  latents.codes = random.Bytes(size_t{pairs} * latents.dims);
  for (uint32_t i = 0; i < latents.dims; ++i) {
    latents.minimum.push_back(FloatToHalf(-static_cast<float>(64 + random.Below(32)) / 64.0F));
    latents.scale.push_back(FloatToHalf(static_cast<float>(40 + random.Below(20)) / 4096.0F));
  }
  for (uint32_t i = 0; i < pairs; ++i) {
    latents.corrections.push_back({static_cast<uint8_t>(random.Below(latents.dims)), static_cast<int8_t>(i)});
    if (i == 0 || i + 1 == pairs) latents.corrections.back() = {};
    scene.selector.push_back(static_cast<uint8_t>(random.Below(hnerv::kNumSelectorModes)));
  }
  scene.offsets = {RgbOffsets{-1.0F, 0.0F, -1.0F}, RgbOffsets{0.25F, -1.0F, 0.0F}};
  return scene;
}

inline constexpr hnerv::DecoderShape kSmallShape{3, {5, 4, 4, 3, 3, 2, 3}};

// f0 and f1 of all pairs, one after the other.
inline Bytes AllFrames(const hnerv::FrameRenderer& renderer) {
  Bytes all;
  for (uint64_t pair = 0; pair < renderer.num_pairs(); ++pair) {
    const FramePair frames = renderer.Render(pair);
    all.insert(all.end(), frames.f0.rgb.begin(), frames.f0.rgb.end());
    all.insert(all.end(), frames.f1.rgb.begin(), frames.f1.rgb.end());
  }
  return all;
}

}  // namespace kitsink::testing
