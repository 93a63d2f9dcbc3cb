// Checks quantised tensors and encodes them as bytes.

#include <cstdlib>

#include "kitsink/half.h"
#include "kitsink/range_coder.h"
#include "kitsink/weights.h"
#include "weights/weights_model.h"

namespace kitsink {

Status CheckTensor(const TensorSpec& spec, const QuantizedTensor& tensor) {
  const auto fail = [&spec](const std::string& what) {
    return Error{Code::kInvalidArgument, "weights: " + spec.name + ": " + what};
  };
  const bool fp4 = spec.kind == TensorKind::kFp4;
  const bool int4 = spec.kind == TensorKind::kInt4Rows || spec.kind == TensorKind::kInt4Columns;
  const size_t num_values = spec.num_values();
  if (tensor.codes.size() != (fp4 || int4 ? num_values : 0) || tensor.halves.size() != (fp4 || int4 ? 0 : num_values) ||
      tensor.scales.size() != NumScales(spec)) {
    return fail("codes, scales or halves do not fit the tensor's " + std::to_string(num_values) + " values");
  }
  for (const uint8_t code : tensor.codes) {
    if (fp4 && (code > 15 || code == 8)) {
      return fail("got FP4 code " + std::to_string(code) + ", expected 0 to 15 but 8");
    }
    if (int4 && std::abs(static_cast<int8_t>(code)) > kMaxInt4) {
      return fail("got code " + std::to_string(static_cast<int8_t>(code)) + ", expected -7 to 7");
    }
  }
  for (const uint16_t scale : tensor.scales) {
    if (fp4 && (scale == 0 || scale >= 0x7c00)) return fail("a scale is not a positive finite half");
    if (!IsFiniteHalf(scale)) return fail("a scale is not finite");
  }
  for (const uint16_t pattern : tensor.halves) {
    if (!IsFiniteHalf(pattern)) return fail("a value is not finite");
  }
  return Ok();
}

Result<Bytes> EncodeTensors(std::span<const TensorSpec> specs, std::span<const QuantizedTensor> tensors) {
  if (tensors.size() != specs.size()) {
    return Error{Code::kInvalidArgument, "weights: got " + std::to_string(tensors.size()) + " tensors, expected " +
                                             std::to_string(specs.size())};
  }
  RangeEncoder range;
  BitEncoder coder(range);
  WeightsModel model(CountStatistics(specs));
  for (size_t i = 0; i < specs.size(); ++i) {
    const QuantizedTensor& tensor = tensors[i];
    KIT_TRY(CheckTensor(specs[i], tensor));
    const uint8_t statistics = specs[i].statistics;
    uint16_t before = 0;
    for (const uint16_t scale : tensor.scales) before = model.CodeScale(coder, statistics, scale, before);
    for (const uint8_t code : tensor.codes) model.CodeFp4(coder, statistics, code);
    for (const uint16_t pattern : tensor.halves) model.CodeHalf(coder, statistics, pattern);
  }
  ByteWriter writer;
  writer.Append(range.Finish());
  writer.U16(TensorsChecksum(tensors));
  return writer.Take();
}

}  // namespace kitsink
