#pragma once
// Small made-up parts of scenes of codec hnerv.

#include <vector>

#include "codecs/hnerv/decoder_section.h"
#include "codecs/hnerv/latents_section.h"
#include "codecs/hnerv/scene.h"
#include "testlib.h"

namespace kitsink::testing {

inline hnerv::DecoderShape SmallDecoderShape() { return {5, {4, 4, 3, 3, 2, 2, 2}}; }

// Codes near a lattice of even levels, as trained ones are. Without `halves` scales have full fractions.
inline std::vector<hnerv::Int8Tensor> SmallDecoderTensors(const hnerv::DecoderShape& shape, uint64_t seed,
                                                          bool halves) {
  Random random(seed);
  std::vector<hnerv::Int8Tensor> tensors;
  for (const hnerv::DecoderTensor& spec : hnerv::DecoderTensors(shape)) {
    hnerv::Int8Tensor& tensor = tensors.emplace_back();
    tensor.scale = static_cast<float>(random.Below(1000) + 1) * (halves ? 0x1p-16F : 0.00012345F);
    for (size_t i = 0; i < spec.layout.num_codes(); ++i) {
      const int code = static_cast<int>(random.Below(64) + random.Below(64) + random.Below(64)) - 95;
      tensor.codes.push_back(static_cast<int8_t>(random.Below(20) == 0 ? code : code & ~1));
    }
  }
  return tensors;
}

// Walks of the codes, and with `corrections` a correction of every other pair or so.
inline hnerv::Latents SmallLatents(uint32_t num_pairs, uint32_t dims, uint64_t seed, bool corrections) {
  Random random(seed);
  hnerv::Latents latents;
  latents.num_pairs = num_pairs;
  latents.dims = dims;
  for (uint32_t dim = 0; dim < dims; ++dim) {
    latents.minimum.push_back(static_cast<uint16_t>(0xbc00 + random.Below(1000)));
    latents.scale.push_back(static_cast<uint16_t>(0x2400 + random.Below(1000)));
  }
  std::vector<uint32_t> walk(dims, 128);
  for (uint32_t pair = 0; pair < num_pairs; ++pair) {
    for (uint32_t& code : walk) {
      code = (code + random.Below(21) + 246) & 255;
      latents.codes.push_back(static_cast<uint8_t>(code));
    }
    if (!corrections) continue;
    hnerv::Correction correction;
    if (random.Below(2) != 0) {
      correction = {static_cast<uint8_t>(random.Below(dims)), static_cast<int8_t>(random.Below(10) + 1)};
      if (random.Below(2) != 0) correction.steps = static_cast<int8_t>(-correction.steps);
    }
    latents.corrections.push_back(correction);
  }
  return latents;
}

struct HnervParts {
  bool corrections = true, selector = true, offsets = true, preimage = false;
};

inline hnerv::Scene SmallHnervScene(uint64_t seed, const HnervParts& parts = {}, uint32_t num_pairs = 6) {
  Random random(seed);
  hnerv::Scene scene;
  scene.shape = SmallDecoderShape();
  scene.tensors = SmallDecoderTensors(scene.shape, seed, random.Below(2) != 0);
  scene.latents = SmallLatents(num_pairs, scene.shape.latent_dims, seed, parts.corrections);
  if (parts.offsets) scene.offsets = {{{-1, 0, 0.25F}, {0, -32, 31.75F}}};
  if (parts.preimage) scene.chain = hnerv::FrameChain::kPreimage;
  for (uint32_t i = 0; parts.selector && i < num_pairs; ++i) {
    scene.selector.push_back(static_cast<uint8_t>(random.Below(hnerv::kNumSelectorModes)));
  }
  return scene;
}

// As small as can be.
inline hnerv::Scene TinyHnervScene(uint64_t seed, const HnervParts& parts) {
  hnerv::Scene scene = SmallHnervScene(seed, parts, 3);
  scene.shape = {2, {2, 2, 1, 1, 1, 1, 2}};
  scene.tensors = SmallDecoderTensors(scene.shape, seed, true);
  scene.latents = SmallLatents(3, 2, seed, parts.corrections);
  return scene;
}

// Of the shape that other programs' archives have.
inline hnerv::Scene PublishedScene(uint64_t seed, bool halves, bool corrections) {
  hnerv::Scene scene;
  scene.tensors = SmallDecoderTensors(scene.shape, seed, halves);
  scene.latents = SmallLatents(600, scene.shape.latent_dims, seed, corrections);
  return scene;
}

}  // namespace kitsink::testing
