#pragma once
// Small scenes of codec video for tests. Their streams are random bytes: the sections do not look into them.

#include "codecs/video/scene.h"
#include "testlib.h"

namespace kitsink::testing {

inline video::Filter RandomFilter(uint32_t width, uint64_t seed) {
  Random random(seed);
  video::Filter filter{width, {}};
  for (const TensorSpec& spec : video::FilterTensors(width)) {
    QuantizedTensor tensor;
    if (spec.kind == TensorKind::kHalf) {
      for (size_t i = 0; i < spec.num_values(); ++i) {
        tensor.halves.push_back(static_cast<uint16_t>(0x2c00 | random.Below(0x400) | random.Below(2) << 15));
      }
    } else {
      for (size_t i = 0; i < spec.num_values(); ++i) {
        tensor.codes.push_back(static_cast<uint8_t>(static_cast<int8_t>(static_cast<int>(random.Below(15)) - 7)));
      }
      for (size_t i = 0; i < NumScales(spec); ++i) {
        tensor.scales.push_back(static_cast<uint16_t>(0x1c00 | random.Below(0x800)));
      }
    }
    filter.tensors.push_back(std::move(tensor));
  }
  return filter;
}

inline video::Scene SmallVideoScene(size_t num_filters, uint64_t seed) {
  video::Scene scene;
  scene.stream = {video::StreamCoding::kAv1, {96, 64}, 3, seed % 2 != 0, Random(seed).Bytes(200)};
  for (size_t i = 0; i < num_filters; ++i) {
    scene.filters.push_back(RandomFilter(8 * (1 + static_cast<uint32_t>(i)), seed + i));
  }
  return scene;
}

}  // namespace kitsink::testing
