#pragma once
// Small scenes of codec video for tests. Their streams are units of random bytes: the sections look at heads alone.

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

// A header and pictures.
inline Bytes MadeUpUnits(video::StreamCoding coding, uint64_t num_pictures, uint64_t seed) {
  Random random(seed);
  ByteWriter writer;
  for (uint64_t i = 0; i <= num_pictures; ++i) {
    const bool header = i == 0;
    const uint32_t size = 20 + random.Below(20);
    if (coding == video::StreamCoding::kAv1) {
      writer.U8(header ? 0x0a : 0x32);
      writer.U8(static_cast<uint8_t>(size));
      writer.U8(0x10);  // is shown
    } else {
      for (const int byte : {0, 0, 1}) writer.U8(static_cast<uint8_t>(byte));
      writer.U8(header ? 0x40 : 0x02);
      writer.U8(1);
      writer.U8(0x80);  // is its picture's first slice
    }
    for (uint32_t k = 1; k < size; ++k) writer.U8(static_cast<uint8_t>(1 + random.Below(255)));
  }
  return writer.Take();
}

inline video::Scene SmallVideoScene(size_t num_filters, uint64_t seed,
                                    video::StreamCoding coding = video::StreamCoding::kAv1) {
  video::Scene scene;
  scene.stream = {coding, {96, 64}, 3, seed % 2 != 0, {}};
  scene.stream.bytes = MadeUpUnits(coding, scene.stream.num_pictures(), seed);
  for (size_t i = 0; i < num_filters; ++i) {
    scene.filters.push_back(RandomFilter(8 * (1 + static_cast<uint32_t>(i)), seed + i));
  }
  return scene;
}

}  // namespace kitsink::testing
