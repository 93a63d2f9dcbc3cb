#pragma once
// Named quantised tensors of a generator, and their stream w (FORMAT.md, "Stream w").

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

// Widths of a JointFrameGenerator (specs: semantic 3.1). The defaults are the published ones: 87,836 parameters.
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

enum class TensorKind : uint8_t {
  kFp4,    // E2M1 in blocks of 32 consecutive values with one fp16 scale: the convolutions
  kHalf,   // fp16: embedding, RGB heads, biases
  kDense,  // fp16 on a grid of at most 511 steps each way: norms, pose_mlp, film_proj
};

struct TensorSpec {
  std::string name;             // state-dict key, "shared_trunk.stem_conv.dw.weight"
  std::vector<uint32_t> shape;  // outermost first
  TensorKind kind = TensorKind::kHalf;
  size_t num_values() const;
  bool operator==(const TensorSpec&) const = default;
};

// The 111 tensors of a generator in definition order (specs: semantic appendix A).
std::vector<TensorSpec> GeneratorTensors(const GeneratorShape& shape);

// Quantised weights: exactly what stream w stores. kFp4 tensors hold nibbles (sign << 3 | level, never 8) in
// `codes` and fp16 bit patterns in `scales`, one per block of 32; the others hold fp16 bit patterns in `halves`.
struct QuantizedTensor {
  std::vector<uint8_t> codes;
  std::vector<uint16_t> scales;
  std::vector<uint16_t> halves;
  bool operator==(const QuantizedTensor&) const = default;
};

struct WeightSet {
  GeneratorShape shape;
  std::vector<QuantizedTensor> tensors;  // in the order of GeneratorTensors(shape)
  bool operator==(const WeightSet&) const = default;
};

inline constexpr size_t kFp4Block = 32;

// Bit pattern of a block's scale for its largest magnitude: a sixth of it, as fp16 rounded to five fraction bits; one
// for a block of zeros. Levels are chosen with this scale, so quantisation-aware training must use it too.
uint16_t Fp4Scale(float largest);

// values.size() == spec.num_values(). Values that are not finite in fp16 are kInvalidArgument. kFp4: the nearest of
// scale * {0, .5, 1, 1.5, 2, 3, 4, 6}, ties to the lower. kHalf: the nearest fp16. kDense: the nearest multiple, as
// fp16, of the power of two that puts the tensor's largest magnitude at 256 to 511 steps.
Result<QuantizedTensor> QuantizeTensor(const TensorSpec& spec, std::span<const float> values);
std::vector<float> DequantizeTensor(const TensorSpec& spec, const QuantizedTensor& tensor);

Result<Bytes> EncodeWeights(const WeightSet& weights, const Limits& limits);
Result<WeightSet> DecodeWeights(std::span<const uint8_t> stream, const Limits& limits);

// What the bits of a stream w are spent on, by class of tensor (FORMAT.md, "Stream w"); they add up to the stream's.
Result<std::vector<StreamPart>> MeasureWeights(std::span<const uint8_t> stream, const Limits& limits);

}  // namespace kitsink
