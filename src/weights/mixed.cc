// Codes tensors of int4 codes and halves as decisions of the binary coder.

#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "kitsink/half.h"
#include "kitsink/number_table.h"
#include "kitsink/weights.h"
#include "weights/int4_model.h"
#include "weights/weights_model.h"

namespace kitsink {
namespace {

bool IsInt4(const TensorSpec& spec) {
  return spec.kind == TensorKind::kInt4Rows || spec.kind == TensorKind::kInt4Columns;
}

// The vectors of one panel: a table with a column for each piece.
struct Panel {
  TableShape shape{.kind = TableKind::kHalves};
  std::vector<size_t> tensors;  // in stream order
};

size_t VectorLength(const TensorSpec& spec) { return IsInt4(spec) ? NumScales(spec) : spec.num_values(); }

std::map<uint8_t, Panel> PanelsOf(std::span<const TensorSpec> specs) {
  std::map<uint8_t, Panel> panels;
  for (size_t i = 0; i < specs.size(); ++i) {
    KIT_CHECK(IsInt4(specs[i]) || specs[i].kind == TensorKind::kHalf);
    Panel& panel = panels[specs[i].panel];
    const auto length = static_cast<uint32_t>(VectorLength(specs[i]));
    if (panel.tensors.empty() || length < panel.shape.num_rows) panel.shape.num_rows = length;
    panel.tensors.push_back(i);
  }
  for (auto& [number, panel] : panels) {
    for (const size_t i : panel.tensors) {
      const size_t length = VectorLength(specs[i]);
      KIT_CHECK(length % panel.shape.num_rows == 0);
      panel.shape.num_columns += static_cast<uint32_t>(length / panel.shape.num_rows);
    }
  }
  return panels;
}

// Calls `visit(tensor, index in its vector, value of the table)` for every value of a panel.
template <typename Visit>
void VisitPanel(std::span<const TensorSpec> specs, const Panel& panel, Visit visit) {
  size_t first_column = 0;
  for (const size_t tensor : panel.tensors) {
    const size_t length = VectorLength(specs[tensor]);
    for (size_t i = 0; i < length; ++i) {
      const size_t row = i % panel.shape.num_rows;
      visit(tensor, i, row * panel.shape.num_columns + first_column + i / panel.shape.num_rows);
    }
    first_column += length / panel.shape.num_rows;
  }
}

// Codes all int4 codes, tensor by tensor and line by line. Costs go to `bits`, by statistics number.
template <typename Coder>
void CodeAllCodes(Coder& coder, std::span<const TensorSpec> specs, std::span<QuantizedTensor> tensors,
                  std::span<double> bits) {
  std::vector<std::unique_ptr<Int4Model>> models(CountStatistics(specs));
  for (size_t i = 0; i < specs.size(); ++i) {
    if (!IsInt4(specs[i])) continue;
    std::unique_ptr<Int4Model>& model = models[specs[i].statistics];
    if (model == nullptr) model = std::make_unique<Int4Model>();
    std::vector<uint8_t>& codes = tensors[i].codes;
    const size_t lines = NumScales(specs[i]);
    const size_t length = codes.size() / lines;
    const bool rows = specs[i].kind == TensorKind::kInt4Rows;
    model->StartTensor(tensors[i].scales, length);
    for (size_t line = 0; line < lines; ++line) {
      for (size_t k = 0; k < length; ++k) {
        uint8_t& code = codes[rows ? line * length + k : k * lines + line];
        double* const cost = bits.empty() ? nullptr : &bits[specs[i].statistics];
        code = static_cast<uint8_t>(model->Code(coder, static_cast<int8_t>(code), cost));
      }
    }
  }
}

}  // namespace

void EncodeMixedTensors(BinaryEncoder& coder, std::span<const TensorSpec> specs,
                        std::span<const QuantizedTensor> tensors) {
  KIT_CHECK(specs.size() == tensors.size());
  for (const auto& [number, panel] : PanelsOf(specs)) {
    std::vector<int32_t> values(panel.shape.num_values());
    VisitPanel(specs, panel, [&](size_t tensor, size_t i, size_t at) {
      values[at] = IsInt4(specs[tensor]) ? tensors[tensor].scales[i] : tensors[tensor].halves[i];
    });
    EncodeTable(coder, panel.shape, values);
  }
  std::vector<QuantizedTensor> copy(tensors.begin(), tensors.end());
  CodeAllCodes(coder, specs, copy, {});
}

Result<std::vector<QuantizedTensor>> DecodeMixedTensors(BinaryDecoder& coder, std::span<const TensorSpec> specs,
                                                        std::vector<StreamPart>* parts) {
  std::vector<QuantizedTensor> tensors(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    tensors[i].scales.resize(NumScales(specs[i]));
    (IsInt4(specs[i]) ? tensors[i].codes.resize(specs[i].num_values())
                      : tensors[i].halves.resize(specs[i].num_values()));
  }
  StreamPart scales{"scales", 0, 0}, halves{"fp16 values", 0, 0};
  for (const auto& [number, panel] : PanelsOf(specs)) {
    std::vector<double> bits(panel.shape.num_columns);
    const std::vector<int32_t> values = DecodeTable(coder, panel.shape, bits);
    bool finite = true;
    VisitPanel(specs, panel, [&](size_t tensor, size_t i, size_t at) {
      const auto pattern = static_cast<uint16_t>(values[at]);
      finite = finite && IsFiniteHalf(pattern);
      (IsInt4(specs[tensor]) ? tensors[tensor].scales[i] : tensors[tensor].halves[i]) = pattern;
      StreamPart& part = IsInt4(specs[tensor]) ? scales : halves;
      if (at < panel.shape.num_columns) part.bits += bits[at];  // once per column, at its first row
      ++part.count;
    });
    if (!finite) return Error{Code::kCorrupt, "weights: a scale or a value is not finite"};
    if (coder.failed()) return Error{Code::kCorrupt, "weights: the stream ends early"};
  }
  std::vector<double> bits(CountStatistics(specs));
  CodeAllCodes(coder, specs, tensors, bits);
  if (parts == nullptr) return tensors;
  parts->push_back(scales);
  parts->push_back(halves);
  for (size_t i = 0; i < bits.size(); ++i) parts->push_back({"codes " + std::to_string(i), bits[i], 0});
  for (size_t i = 0; i < specs.size(); ++i) {
    if (IsInt4(specs[i])) (*parts)[2 + specs[i].statistics].count += specs[i].num_values();
  }
  return tensors;
}

}  // namespace kitsink
