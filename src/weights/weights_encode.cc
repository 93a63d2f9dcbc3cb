#include "kitsink/half.h"
#include "kitsink/range_coder.h"
#include "kitsink/weights.h"
#include "weights/weights_model.h"

namespace kitsink {
namespace {

Status CheckTensor(const TensorSpec& spec, const QuantizedTensor& tensor) {
  const auto fail = [&spec](const std::string& what) {
    return Error{Code::kInvalidArgument, "weights: " + spec.name + ": " + what};
  };
  const bool fp4 = spec.kind == TensorKind::kFp4;
  const size_t num_values = spec.num_values();
  const size_t num_blocks = (num_values + kFp4Block - 1) / kFp4Block;
  if (tensor.codes.size() != (fp4 ? num_values : 0) || tensor.halves.size() != (fp4 ? 0 : num_values) ||
      tensor.scales.size() != (fp4 ? num_blocks : 0)) {
    return fail("codes, scales or halves do not fit the tensor's " + std::to_string(num_values) + " values");
  }
  for (const uint8_t code : tensor.codes) {
    if (code > 15 || code == 8) return fail("got FP4 code " + std::to_string(code) + ", expected 0 to 15 but 8");
  }
  for (const uint16_t scale : tensor.scales) {
    if (scale == 0 || scale >= 0x7c00) return fail("a scale is not a positive finite half");
  }
  for (const uint16_t pattern : tensor.halves) {
    if (!IsFiniteHalf(pattern)) return fail("a value is not finite");
  }
  return Ok();
}

}  // namespace

Result<Bytes> EncodeWeights(const WeightSet& weights, const Limits& limits) {
  if (Status shape = CheckGeneratorShape(weights.shape, limits); !shape.ok()) {
    return Error{Code::kInvalidArgument, shape.error().message};
  }
  const std::vector<TensorSpec> specs = GeneratorTensors(weights.shape);
  if (weights.tensors.size() != specs.size()) {
    return Error{Code::kInvalidArgument, "weights: got " + std::to_string(weights.tensors.size()) +
                                             " tensors, expected " + std::to_string(specs.size())};
  }
  ByteWriter writer;
  if (weights.shape == GeneratorShape{}) {
    writer.U8(kDefaultShape);
  } else {
    writer.U8(kExplicitShape);
    for (const uint32_t width : {weights.shape.num_classes, weights.shape.embedding, weights.shape.trunk,
                                 weights.shape.down, weights.shape.condition, weights.shape.head, weights.shape.pose}) {
      writer.U16(static_cast<uint16_t>(width));
    }
  }
  RangeEncoder range;
  BitEncoder coder(range);
  WeightsModel model;
  for (size_t i = 0; i < specs.size(); ++i) {
    const QuantizedTensor& tensor = weights.tensors[i];
    KIT_TRY(CheckTensor(specs[i], tensor));
    const TensorClass tensor_class = ClassOf(specs[i]);
    uint16_t before = 0;
    for (const uint16_t scale : tensor.scales) before = model.CodeScale(coder, tensor_class, scale, before);
    for (const uint8_t code : tensor.codes) model.CodeFp4(coder, tensor_class, code);
    for (const uint16_t pattern : tensor.halves) model.CodeHalf(coder, tensor_class, pattern);
  }
  writer.Append(range.Finish());
  writer.U16(WeightsChecksum(weights));
  return writer.Take();
}

}  // namespace kitsink
