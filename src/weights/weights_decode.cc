#include <array>
#include <utility>

#include "kitsink/half.h"
#include "kitsink/range_coder.h"
#include "kitsink/weights.h"
#include "weights/weights_model.h"

namespace kitsink {
namespace {

Error Corrupt(const std::string& what) { return Error{Code::kCorrupt, "weights: " + what}; }

Result<GeneratorShape> ReadShape(ByteReader& reader, const Limits& limits) {
  GeneratorShape shape;
  const uint8_t head = reader.U8();
  if (head == kExplicitShape) {
    for (uint32_t* width : {&shape.num_classes, &shape.embedding, &shape.trunk, &shape.down, &shape.condition,
                            &shape.head, &shape.pose}) {
      *width = reader.U16();
    }
    if (shape == GeneratorShape{}) return Corrupt("the default shape is spelled out, expected head 1, at byte 0");
  } else if (head != kDefaultShape) {
    return Error{Code::kUnsupported, "weights: head " + std::to_string(head) + ", this build reads 1 and 2, at byte 0"};
  }
  KIT_TRY(CheckGeneratorShape(shape, limits));
  return shape;
}

// Bits by tensor class, scales of FP4 blocks apart from what else the class holds.
struct WeightCosts {
  std::array<StreamPart, kNumTensorClasses> scales, values;
};

Result<WeightSet> Decode(std::span<const uint8_t> stream, const Limits& limits, WeightCosts& costs) {
  if (stream.size() < 3) return Corrupt("ends early, at byte " + std::to_string(stream.size()));
  ByteReader reader(stream.first(stream.size() - 2));
  WeightSet weights;
  KIT_ASSIGN(weights.shape, ReadShape(reader, limits));
  RangeDecoder range(reader.Take(reader.remaining()));
  BitDecoder coder(range);
  WeightsModel model;
  for (const TensorSpec& spec : GeneratorTensors(weights.shape)) {
    const TensorClass tensor_class = ClassOf(spec);
    QuantizedTensor tensor;
    if (spec.kind == TensorKind::kFp4) {
      tensor.codes.resize(spec.num_values());
      tensor.scales.resize((spec.num_values() + kFp4Block - 1) / kFp4Block);
    } else {
      tensor.halves.resize(spec.num_values());
    }
    const size_t begin_bits = range.bits_settled();
    uint16_t before = 0;
    for (uint16_t& scale : tensor.scales) {
      scale = before = model.CodeScale(coder, tensor_class, 0, before);
      if (scale == 0 || scale >= 0x7c00) return Corrupt(spec.name + ": a scale is not a positive finite half");
    }
    const size_t values_begin_bits = range.bits_settled();
    for (uint8_t& code : tensor.codes) code = model.CodeFp4(coder, tensor_class, 0);
    for (uint16_t& pattern : tensor.halves) {
      pattern = model.CodeHalf(coder, tensor_class, 0);
      if (!IsFiniteHalf(pattern)) return Corrupt(spec.name + ": a value is not finite");
    }
    if (range.exhausted())
      return Corrupt(spec.name + ": the stream ends early, at byte " + std::to_string(stream.size()));
    StreamPart& scales = costs.scales[static_cast<size_t>(tensor_class)];
    StreamPart& values = costs.values[static_cast<size_t>(tensor_class)];
    scales.bits += static_cast<double>(values_begin_bits - begin_bits);
    scales.count += tensor.scales.size();
    values.bits += static_cast<double>(range.bits_settled() - values_begin_bits);
    values.count += spec.num_values();
    weights.tensors.push_back(std::move(tensor));
  }
  KIT_TRY(range.Finish("weights"));
  ByteReader checksum(stream.last(2));
  const uint16_t expected = checksum.U16();
  const uint16_t got = WeightsChecksum(weights);
  if (got != expected) {
    return Corrupt("checksum of the decoded integers is " + std::to_string(got) + ", expected " +
                   std::to_string(expected));
  }
  return weights;
}

}  // namespace

Result<WeightSet> DecodeWeights(std::span<const uint8_t> stream, const Limits& limits) {
  WeightCosts unused;
  return Decode(stream, limits, unused);
}

Result<std::vector<StreamPart>> MeasureWeights(std::span<const uint8_t> stream, const Limits& limits) {
  WeightCosts costs;
  KIT_TRY(Decode(stream, limits, costs));
  constexpr std::array<const char*, kNumTensorClasses> kNames = {"depthwise", "pointwise",    "embedding and heads",
                                                                 "biases",    "norm weights", "norm biases",
                                                                 "pose_mlp",  "film_proj"};
  const double head_bits = stream[0] == kExplicitShape ? 8 * 15 : 8;
  double spent = head_bits;
  std::vector<StreamPart> parts = {{"head", head_bits, 0}};
  for (size_t i = 0; i < kNumTensorClasses; ++i) {
    for (auto& [part, suffix] : {std::pair{costs.scales[i], " scales"}, std::pair{costs.values[i], ""}}) {
      if (part.count == 0) continue;
      spent += part.bits;
      parts.push_back({kNames[i] + std::string(suffix), part.bits, part.count});
    }
  }
  parts.push_back({"end and checksum", 8 * static_cast<double>(stream.size()) - spent, 0});
  return parts;
}

}  // namespace kitsink
