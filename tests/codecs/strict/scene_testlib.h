#pragma once
// Scenes of codec strict: small ones, made from integers only so that they are the same everywhere, and the real one of
// the data that does not ship with the project.

#include <bit>
#include <cstdio>
#include <filesystem>
#include <string>

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
  uint32_t classes = 5, frame_dims = 8, atoms = 3 /* 0: motions */, grid_height = 6, grid_width = 8;
  bool moves = false;  // atoms are added to motions
};

inline strict::Carrier SmallCarrier(const StrictSizes& sizes, Random& random) {
  constexpr float kBasisScales[] = {0.5F, 1.0F, 0.125F};
  constexpr float kCoefficientScales[] = {0.0009765625F, 0.00048828125F, 0.001953125F};
  strict::Carrier carrier;
  carrier.moves = sizes.moves || sizes.atoms == 0;
  if (sizes.atoms == 0) {
    for (uint32_t i = 0; i < sizes.pairs * strict::kMotionTerms; ++i) {
      carrier.coefficients.push_back(static_cast<int16_t>(static_cast<int32_t>(random.Below(8001)) - 4000));
    }
    return carrier;
  }
  carrier.num_atoms = sizes.atoms;
  carrier.grid_height = sizes.grid_height;
  carrier.grid_width = sizes.grid_width;
  for (uint32_t i = 0; i < sizes.atoms * 3 * sizes.grid_height * sizes.grid_width; ++i) {
    carrier.basis.push_back(static_cast<int8_t>(static_cast<int32_t>(random.Below(31)) - 15));
  }
  for (uint32_t i = 0; i < sizes.pairs * carrier.num_terms(); ++i) {
    carrier.coefficients.push_back(static_cast<int16_t>(static_cast<int32_t>(random.Below(4001)) - 2000));
  }
  for (uint32_t i = 0; i < sizes.atoms; ++i) {
    carrier.basis_scales.push_back(kBasisScales[i % 3]);
    carrier.coefficient_scales.push_back(kCoefficientScales[i % 3]);
  }
  return carrier;
}

inline strict::Scene SmallStrictScene(const StrictSizes& sizes, uint64_t seed) {
  Random random(seed);
  strict::Scene scene;
  scene.frame_size = sizes.frame;
  scene.mask = {sizes.map.width, sizes.map.height, sizes.pairs, sizes.classes, {}};
  for (uint32_t i = 0; i < sizes.pairs * sizes.map.width * sizes.map.height; ++i) {
    const uint32_t x = i % sizes.map.width, y = i / sizes.map.width % sizes.map.height;
    const uint32_t id = random.Below(50) == 0 ? random.Below(sizes.classes) : (x / 9 + y / 7) % sizes.classes;
    scene.mask.ids.push_back(static_cast<uint8_t>(id));
  }
  scene.renderer.shape = {sizes.classes, sizes.pairs, sizes.width, sizes.frame_dims, sizes.dilations};
  for (const TensorSpec& spec : strict::RendererTensors(scene.renderer.shape)) {
    scene.renderer.tensors.push_back(SmallTensor(spec, random));
  }
  scene.carrier = SmallCarrier(sizes, random);
  for (uint32_t i = 0; i < sizes.pairs; ++i) scene.selector.push_back(static_cast<uint8_t>(i % 8));
  return scene;
}

// Equality to the bit: 0 differs from -0 here, as it does in an archive.
inline bool SameBits(const strict::Scene& a, const strict::Scene& b) {
  const auto patterns = [](const strict::Carrier& carrier) {
    std::vector<uint32_t> bits = {std::bit_cast<uint32_t>(carrier.grey), std::bit_cast<uint32_t>(carrier.amplitude)};
    for (const float scale : carrier.basis_scales) bits.push_back(std::bit_cast<uint32_t>(scale));
    for (const float scale : carrier.coefficient_scales) bits.push_back(std::bit_cast<uint32_t>(scale));
    return bits;
  };
  return a == b && patterns(a.carrier) == patterns(b.carrier);
}

// What a shell command writes; empty when it fails.
inline Bytes OutputOf(const std::string& command) {
  Bytes bytes;
  FILE* const pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return bytes;
  std::vector<uint8_t> block(1 << 20);
  for (size_t got = 0; (got = fread(block.data(), 1, block.size(), pipe)) > 0;) {
    bytes.insert(bytes.end(), block.begin(), block.begin() + static_cast<ptrdiff_t>(got));
  }
  if (pclose(pipe) != 0) bytes.clear();
  return bytes;
}

// A safetensors file of the shared data that is compressed by xz; empty without the xz command.
inline Bytes Unxz(const std::filesystem::path& path) { return OutputOf("xz -dc '" + path.string() + "'"); }

}  // namespace kitsink::testing
