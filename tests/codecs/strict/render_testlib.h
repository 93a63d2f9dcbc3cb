#pragma once
// Small scenes of codec strict, made from integers only so that they are the same everywhere, and all their frames.

#include "codecs/strict/render.h"
#include "codecs/strict/scene.h"
#include "kitsink/bytes.h"
#include "kitsink/half.h"
#include "testlib.h"

namespace kitsink::testing {

// Weights of a size at which the network neither dies nor saturates.
inline QuantizedTensor SmallTensor(const TensorSpec& spec, Random& random) {
  QuantizedTensor tensor;
  if (spec.kind == TensorKind::kHalf) {
    const bool gain = spec.name.ends_with("norm.weight");
    for (size_t i = 0; i < spec.num_values(); ++i) {
      const int32_t value = static_cast<int32_t>(random.Below(33)) - 16 + (gain ? 64 : 0);
      tensor.halves.push_back(FloatToHalf(static_cast<float>(value) / 64.0F));
    }
    return tensor;
  }
  for (size_t i = 0; i < spec.num_values(); ++i) tensor.codes.push_back(static_cast<uint8_t>(random.Below(15) - 7));
  for (size_t i = 0; i < NumScales(spec); ++i) {
    tensor.scales.push_back(FloatToHalf(static_cast<float>(16 + random.Below(48)) / 1024.0F));
  }
  return tensor;
}

struct StrictSizes {
  FrameSize map = {64, 48}, frame = {146, 110};
  uint32_t pairs = 3, width = 16;
  std::vector<uint8_t> dilations = {1, 2};
};

inline strict::Scene SmallStrictScene(const StrictSizes& sizes, uint64_t seed) {
  Random random(seed);
  strict::Scene scene;
  scene.frame_size = sizes.frame;
  scene.mask = {sizes.map.width, sizes.map.height, sizes.pairs, 5, {}};
  for (uint32_t i = 0; i < sizes.pairs * sizes.map.width * sizes.map.height; ++i) {
    const uint32_t x = i % sizes.map.width, y = i / sizes.map.width % sizes.map.height;
    scene.mask.ids.push_back(static_cast<uint8_t>(random.Below(50) == 0 ? random.Below(5) : (x / 9 + y / 7) % 5));
  }
  scene.renderer.shape.num_pairs = sizes.pairs;
  scene.renderer.shape.width = sizes.width;
  scene.renderer.shape.dilations = sizes.dilations;
  for (const TensorSpec& spec : strict::RendererTensors(scene.renderer.shape)) {
    scene.renderer.tensors.push_back(SmallTensor(spec, random));
  }
  strict::Carrier& carrier = scene.carrier;
  carrier.num_atoms = 3;
  carrier.grid_height = 6;
  carrier.grid_width = 8;
  for (uint32_t i = 0; i < 3 * 3 * 6 * 8; ++i) {
    carrier.basis.push_back(static_cast<int8_t>(static_cast<int32_t>(random.Below(31)) - 15));
  }
  for (uint32_t i = 0; i < sizes.pairs * 3; ++i) {
    carrier.coefficients.push_back(static_cast<int16_t>(static_cast<int32_t>(random.Below(4001)) - 2000));
  }
  carrier.basis_scales = {0.5F, 1.0F, 0.125F};
  carrier.coefficient_scales = {0.0009765625F, 0.00048828125F, 0.001953125F};
  for (uint32_t i = 0; i < sizes.pairs; ++i) scene.selector.push_back(static_cast<uint8_t>(i % 8));
  return scene;
}

// f0 and f1 of all pairs, one after the other.
inline Result<Bytes> RenderFrames(const strict::Scene& scene, const RowKernels& kernels, int threads) {
  KIT_ASSIGN(const std::unique_ptr<strict::FrameRenderer> renderer, strict::FrameRenderer::Create(scene, kernels));
  Bytes all;
  for (uint64_t pair = 0; pair < scene.mask.count; ++pair) {
    const FramePair frames = renderer->Render(pair, threads);
    all.insert(all.end(), frames.f0.rgb.begin(), frames.f0.rgb.end());
    all.insert(all.end(), frames.f1.rgb.begin(), frames.f1.rgb.end());
  }
  return all;
}

}  // namespace kitsink::testing
