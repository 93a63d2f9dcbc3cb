// Decodes tensors from bytes and measures the bits of each part.

#include <utility>

#include "kitsink/half.h"
#include "kitsink/range_coder.h"
#include "kitsink/weights.h"
#include "weights/weights_model.h"

namespace kitsink {
namespace {

Error Corrupt(const std::string& what) { return Error{Code::kCorrupt, "weights: " + what}; }

constexpr size_t kChecksumBytes = 2;

// Bits by statistics number: those of FP4 scales, and those of all other values.
struct WeightCosts {
  std::vector<StreamPart> scales, values;
};

class TensorDecoder {
 public:
  TensorDecoder(std::span<const TensorSpec> specs, std::span<const uint8_t> coded, size_t section_bytes)
      : range_(coded), coder_(range_), model_(CountStatistics(specs)), section_bytes_(section_bytes) {}

  Result<QuantizedTensor> Next(const TensorSpec& spec, WeightCosts& costs) {
    QuantizedTensor tensor;
    if (spec.kind == TensorKind::kFp4) {
      tensor.codes.resize(spec.num_values());
      tensor.scales.resize(NumBlocks(spec.num_values()));
    } else {
      tensor.halves.resize(spec.num_values());
    }
    const size_t begin_bits = range_.bits_settled();
    uint16_t before = 0;
    for (uint16_t& scale : tensor.scales) {
      scale = before = model_.CodeScale(coder_, spec.statistics, 0, before);
      if (scale == 0 || scale >= 0x7c00) return Corrupt(spec.name + ": a scale is not a positive finite half");
    }
    const size_t values_begin_bits = range_.bits_settled();
    for (uint8_t& code : tensor.codes) code = model_.CodeFp4(coder_, spec.statistics, 0);
    for (uint16_t& pattern : tensor.halves) {
      pattern = model_.CodeHalf(coder_, spec.statistics, 0);
      if (!IsFiniteHalf(pattern)) return Corrupt(spec.name + ": a value is not finite");
    }
    if (range_.exhausted()) {
      return Corrupt(spec.name + ": the stream ends early, at byte " + std::to_string(section_bytes_));
    }
    StreamPart& scales = costs.scales[spec.statistics];
    StreamPart& values = costs.values[spec.statistics];
    scales.bits += static_cast<double>(values_begin_bits - begin_bits);
    scales.count += tensor.scales.size();
    values.bits += static_cast<double>(range_.bits_settled() - values_begin_bits);
    values.count += spec.num_values();
    return tensor;
  }

  Status Finish() { return range_.Finish("weights"); }

 private:
  RangeDecoder range_;
  BitDecoder coder_;
  WeightsModel model_;
  size_t section_bytes_;
};

Result<std::vector<QuantizedTensor>> Decode(std::span<const TensorSpec> specs, std::span<const uint8_t> section,
                                            size_t begin, WeightCosts& costs) {
  if (section.size() < begin + kChecksumBytes) {
    return Corrupt("ends early, at byte " + std::to_string(section.size()));
  }
  costs.scales.resize(CountStatistics(specs));
  costs.values.resize(costs.scales.size());
  TensorDecoder decoder(specs, section.subspan(begin, section.size() - begin - kChecksumBytes), section.size());
  std::vector<QuantizedTensor> tensors;
  for (const TensorSpec& spec : specs) {
    KIT_ASSIGN(QuantizedTensor tensor, decoder.Next(spec, costs));
    tensors.push_back(std::move(tensor));
  }
  KIT_TRY(decoder.Finish());
  ByteReader checksum(section.last(kChecksumBytes));
  const uint16_t expected = checksum.U16();
  const uint16_t got = TensorsChecksum(tensors);
  if (got != expected) {
    return Corrupt("checksum of the decoded integers is " + std::to_string(got) + ", expected " +
                   std::to_string(expected));
  }
  return tensors;
}

}  // namespace

Result<std::vector<QuantizedTensor>> DecodeTensors(std::span<const TensorSpec> specs, std::span<const uint8_t> section,
                                                   size_t begin) {
  WeightCosts unused;
  return Decode(specs, section, begin, unused);
}

Result<MeasuredTensors> MeasureTensors(std::span<const TensorSpec> specs, std::span<const uint8_t> section,
                                       size_t begin, std::span<const std::string_view> names) {
  WeightCosts costs;
  MeasuredTensors measured;
  KIT_ASSIGN(measured.tensors, Decode(specs, section, begin, costs));
  KIT_CHECK(names.size() >= costs.scales.size());
  double spent = 8 * static_cast<double>(begin);
  for (size_t i = 0; i < costs.scales.size(); ++i) {
    for (auto& [part, suffix] : {std::pair{costs.scales[i], " scales"}, std::pair{costs.values[i], ""}}) {
      if (part.count == 0) continue;
      spent += part.bits;
      measured.parts.push_back({std::string(names[i]) + suffix, part.bits, part.count});
    }
  }
  measured.parts.push_back({"end and checksum", 8 * static_cast<double>(section.size()) - spent, 0});
  return measured;
}

}  // namespace kitsink
