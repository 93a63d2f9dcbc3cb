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

}  // namespace

Result<WeightSet> DecodeWeights(std::span<const uint8_t> stream, const Limits& limits) {
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
    uint16_t before = 0;
    for (uint16_t& scale : tensor.scales) {
      scale = before = model.CodeScale(coder, tensor_class, 0, before);
      if (scale == 0 || scale >= 0x7c00) return Corrupt(spec.name + ": a scale is not a positive finite half");
    }
    for (uint8_t& code : tensor.codes) code = model.CodeFp4(coder, tensor_class, 0);
    for (uint16_t& pattern : tensor.halves) {
      pattern = model.CodeHalf(coder, tensor_class, 0);
      if (!IsFiniteHalf(pattern)) return Corrupt(spec.name + ": a value is not finite");
    }
    if (range.exhausted())
      return Corrupt(spec.name + ": the stream ends early, at byte " + std::to_string(stream.size()));
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

}  // namespace kitsink
