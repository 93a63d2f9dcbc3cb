#pragma once
// The weights of the generator, and stream w that stores them (FORMAT.md, "Stream w").

#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"
#include "kitsink/weights.h"

namespace kitsink::search {

// Widths of a JointFrameGenerator. The defaults are the published ones: 87,836 parameters.
struct GeneratorShape {
  uint32_t num_classes = 5;
  uint32_t embedding = 6;  // values per class
  uint32_t trunk = 56;     // c1, even
  uint32_t down = 64;      // c2, even
  uint32_t condition = 48;
  uint32_t head = 52;  // hidden, even
  uint32_t pose = 6;   // inputs of pose_mlp
  bool operator==(const GeneratorShape&) const = default;
};

// The 111 tensors of a generator in definition order. Convolutions are kFp4; embedding, RGB heads and their biases
// kHalf; norms, pose_mlp and film_proj kDense.
std::vector<TensorSpec> GeneratorTensors(const GeneratorShape& shape);

// kCorrupt unless widths lie within 1 .. 4096 and are even where groups need it; kLimit for too many weights.
Status CheckGeneratorShape(const GeneratorShape& shape, const Limits& limits);

struct WeightSet {
  GeneratorShape shape;
  std::vector<QuantizedTensor> tensors;  // in the order of GeneratorTensors(shape)
  bool operator==(const WeightSet&) const = default;
};

Result<Bytes> EncodeWeights(const WeightSet& weights, const Limits& limits);
Result<WeightSet> DecodeWeights(std::span<const uint8_t> stream, const Limits& limits);

// The bits of a stream w by class of tensor. They add up to the stream's size.
Result<std::vector<StreamPart>> MeasureWeights(std::span<const uint8_t> stream, const Limits& limits);

}  // namespace kitsink::search
