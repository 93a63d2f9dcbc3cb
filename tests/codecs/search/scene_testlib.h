#pragma once
// Small scenes that use every stream, made from integers only so that their bytes are the same everywhere.

#include "codecs/search/scene.h"
#include "testlib.h"

namespace kitsink::testing {

using search::GeneratorShape;
using search::Scene;
using search::Tail;
using search::TailKind;
using search::WeightSet;

// Encodes a scene as an archive's member, and decodes it.
inline Result<Bytes> EncodeMember(const Scene& scene, int level = 2, int threads = 1, const Limits& limits = Limits()) {
  KIT_ASSIGN(const Member member, search::EncodeScene(scene, level, {limits, threads}));
  return WriteMember(member, limits);
}

inline Result<Scene> DecodeMember(std::span<const uint8_t> bytes, int threads = 1, const Limits& limits = Limits()) {
  KIT_ASSIGN(const Member member, ReadMember(bytes, limits));
  return search::DecodeScene(member, {limits, threads});
}

inline GeneratorShape TinyShape() { return {3, 1, 2, 2, 2, 2, 2}; }

inline WeightSet RandomWeights(const GeneratorShape& shape, uint64_t seed) {
  Random random(seed);
  WeightSet weights{shape, {}};
  for (const TensorSpec& spec : search::GeneratorTensors(shape)) {
    QuantizedTensor tensor;
    for (size_t i = 0; i < spec.num_values(); ++i) {
      if (spec.kind != TensorKind::kFp4) {
        tensor.halves.push_back(static_cast<uint16_t>(random.Below(0x7c00) | random.Below(2) << 15));
        continue;
      }
      const uint32_t code = random.Below(16);
      tensor.codes.push_back(static_cast<uint8_t>(code == 8 ? 0 : code));
      if (i % kFp4Block == 0) tensor.scales.push_back(static_cast<uint16_t>(1 + random.Below(0x7bff)));
    }
    weights.tensors.push_back(std::move(tensor));
  }
  return weights;
}

inline Scene SmallScene(uint64_t seed) {
  Random random(seed);
  Scene scene;
  scene.mask.width = 12;
  scene.mask.height = 8;
  scene.mask.count = 7;
  scene.mask.num_classes = 3;
  for (uint32_t i = 0; i < 12 * 8 * 7; ++i) {
    scene.mask.ids.push_back(static_cast<uint8_t>(random.Below(20) == 0 ? random.Below(3) : i / 12 % 8 / 3));
  }
  scene.pose.num_rows = 7;
  scene.pose.num_columns = 2;
  for (int i = 0; i < 14; ++i) scene.pose.values.push_back(static_cast<int32_t>(random.Below(200)) - 100);
  scene.weights = RandomWeights(TinyShape(), seed);
  for (const TailKind kind : {TailKind::kStartSeed, TailKind::kPoseFactor, TailKind::kLossControl}) {
    Tail tail{kind, {}};
    for (int i = 0; i < (kind == TailKind::kLossControl ? 2 : 7); ++i) {
      tail.codes.push_back(static_cast<uint8_t>(random.Below(1U << search::TailBits(kind))));
    }
    scene.selectors.tails.push_back(std::move(tail));
  }
  return scene;
}

}  // namespace kitsink::testing
