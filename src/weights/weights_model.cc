// Checks counts of weights and computes the checksum of tensors.

#include "weights/weights_model.h"

#include <algorithm>

#include "kitsink/hash.h"

namespace kitsink {

size_t TensorSpec::num_values() const {
  size_t count = 1;
  for (const uint32_t extent : shape) count *= extent;
  return count;
}

size_t NumScales(const TensorSpec& spec) {
  switch (spec.kind) {
    case TensorKind::kFp4: return NumBlocks(spec.num_values());
    case TensorKind::kInt4Rows: return spec.shape.front();
    case TensorKind::kInt4Columns: return spec.shape.back();
    case TensorKind::kHalf:
    case TensorKind::kDense: break;
  }
  return 0;
}

uint64_t CountWeights(std::span<const TensorSpec> specs) {
  uint64_t count = 0;
  for (const TensorSpec& spec : specs) count += spec.num_values();
  return count;
}

Status CheckNumWeights(std::span<const TensorSpec> specs, const Limits& limits) {
  const uint64_t count = CountWeights(specs);
  if (count <= limits.max_weights) return Ok();
  return Error{Code::kLimit,
               "weights: declared " + std::to_string(count) + " weights, limit " + std::to_string(limits.max_weights)};
}

size_t CountStatistics(std::span<const TensorSpec> specs) {
  size_t count = 0;
  for (const TensorSpec& spec : specs) count = std::max<size_t>(count, spec.statistics + 1U);
  KIT_CHECK(count <= kMaxStatistics);
  return count;
}

uint16_t TensorsChecksum(std::span<const QuantizedTensor> tensors) {
  ByteWriter writer;
  for (const QuantizedTensor& tensor : tensors) {
    writer.Append(tensor.codes);
    for (const uint16_t scale : tensor.scales) writer.U16(scale);
    for (const uint16_t pattern : tensor.halves) writer.U16(pattern);
  }
  return Crc16(writer.Take());
}

}  // namespace kitsink
