// Reads and writes stream w: the generator's shape, then its tensors.

#include "codecs/search/generator_weights.h"

#include <array>
#include <string>
#include <string_view>

#include "codecs/search/tensor_classes.h"

namespace kitsink::search {
namespace {

constexpr uint8_t kDefaultShape = 1;   // head: the default shape
constexpr uint8_t kExplicitShape = 2;  // head: seven u16 follow

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

// The head of a stream: the shape, and where the tensors begin.
struct Head {
  GeneratorShape shape;
  size_t bytes = 0;
};

Result<Head> ReadHead(std::span<const uint8_t> stream, const Limits& limits) {
  if (stream.size() < 3) return Corrupt("ends early, at byte " + std::to_string(stream.size()));
  ByteReader reader(stream);
  Head head;
  KIT_ASSIGN(head.shape, ReadShape(reader, limits));
  head.bytes = reader.position();
  return head;
}

}  // namespace

Status CheckGeneratorShape(const GeneratorShape& shape, const Limits& limits) {
  // With every width in this range the number of weights stays far below 2^64.
  constexpr uint32_t kMaxWidth = 4096;
  const auto check = [](std::string_view name, uint32_t got, uint32_t low, uint32_t high, bool even) -> Status {
    if (got >= low && got <= high && (!even || got % 2 == 0)) return Ok();
    return Corrupt("shape: " + std::string(name) + " is " + std::to_string(got) + ", expected " +
                   (even ? "an even number from " : "") + std::to_string(low) + " to " + std::to_string(high));
  };
  KIT_TRY(check("num_classes", shape.num_classes, 2, limits.max_classes, false));
  KIT_TRY(check("embedding", shape.embedding, 1, kMaxWidth, false));
  KIT_TRY(check("trunk", shape.trunk, 2, kMaxWidth, true));
  KIT_TRY(check("down", shape.down, 2, kMaxWidth, true));
  KIT_TRY(check("condition", shape.condition, 1, kMaxWidth, false));
  KIT_TRY(check("head", shape.head, 2, kMaxWidth, true));
  KIT_TRY(check("pose", shape.pose, 1, limits.max_track_dims, false));
  return CheckNumWeights(GeneratorTensors(shape), limits);
}

Result<Bytes> EncodeWeights(const WeightSet& weights, const Limits& limits) {
  if (Status shape = CheckGeneratorShape(weights.shape, limits); !shape.ok()) {
    return Error{Code::kInvalidArgument, shape.error().message};
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
  KIT_ASSIGN(const Bytes tensors, EncodeTensors(GeneratorTensors(weights.shape), weights.tensors));
  writer.Append(tensors);
  return writer.Take();
}

Result<WeightSet> DecodeWeights(std::span<const uint8_t> stream, const Limits& limits) {
  KIT_ASSIGN(const Head head, ReadHead(stream, limits));
  WeightSet weights;
  weights.shape = head.shape;
  KIT_ASSIGN(weights.tensors, DecodeTensors(GeneratorTensors(head.shape), stream, head.bytes));
  return weights;
}

Result<std::vector<StreamPart>> MeasureWeights(std::span<const uint8_t> stream, const Limits& limits) {
  KIT_ASSIGN(const Head head, ReadHead(stream, limits));
  KIT_ASSIGN(MeasuredTensors measured,
             MeasureTensors(GeneratorTensors(head.shape), stream, head.bytes, kTensorClassNames));
  measured.parts.insert(measured.parts.begin(), {"head", 8 * static_cast<double>(head.bytes), 0});
  return std::move(measured.parts);
}

}  // namespace kitsink::search
