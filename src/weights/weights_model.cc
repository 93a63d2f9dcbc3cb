#include "weights/weights_model.h"

#include "kitsink/hash.h"

namespace kitsink {

Status CheckGeneratorShape(const GeneratorShape& shape, const Limits& limits) {
  // With every width in this range the sums below stay far inside 64 bits.
  constexpr uint32_t kMaxWidth = 4096;
  const auto check = [](std::string_view name, uint32_t got, uint32_t low, uint32_t high, bool even) -> Status {
    if (got >= low && got <= high && (!even || got % 2 == 0)) return Ok();
    return Error{Code::kCorrupt, "weights: shape: " + std::string(name) + " is " + std::to_string(got) + ", expected " +
                                     (even ? "an even number from " : "") + std::to_string(low) + " to " +
                                     std::to_string(high)};
  };
  KIT_TRY(check("num_classes", shape.num_classes, 2, limits.max_classes, false));
  KIT_TRY(check("embedding", shape.embedding, 1, kMaxWidth, false));
  KIT_TRY(check("trunk", shape.trunk, 2, kMaxWidth, true));
  KIT_TRY(check("down", shape.down, 2, kMaxWidth, true));
  KIT_TRY(check("condition", shape.condition, 1, kMaxWidth, false));
  KIT_TRY(check("head", shape.head, 2, kMaxWidth, true));
  KIT_TRY(check("pose", shape.pose, 1, limits.max_track_dims, false));
  uint64_t num_weights = 0;
  for (const TensorSpec& spec : GeneratorTensors(shape)) num_weights += spec.num_values();
  if (num_weights > limits.max_weights) {
    return Error{Code::kLimit, "weights: declared " + std::to_string(num_weights) + " weights, limit " +
                                   std::to_string(limits.max_weights)};
  }
  return Ok();
}

uint16_t WeightsChecksum(const WeightSet& weights) {
  ByteWriter writer;
  for (const QuantizedTensor& tensor : weights.tensors) {
    writer.Append(tensor.codes);
    for (const uint16_t scale : tensor.scales) writer.U16(scale);
    for (const uint16_t pattern : tensor.halves) writer.U16(pattern);
  }
  return Crc16(writer.Take());
}

}  // namespace kitsink
