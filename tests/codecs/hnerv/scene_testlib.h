#pragma once
// Small made-up parts of scenes of codec hnerv.

#include <vector>

#include "codecs/hnerv/decoder_section.h"
#include "codecs/hnerv/latents_section.h"
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

}  // namespace kitsink::testing
