// Codes tensors of int8 codes as decisions of the binary coder.

#include <memory>

#include "kitsink/weights.h"
#include "weights/int8_context.h"
#include "weights/int8_model.h"

namespace kitsink {
namespace {

template <typename Coder>
void CodeTensors(Coder& coder, std::span<const Int8Layout> layouts, std::span<std::vector<int8_t>> tensors,
                 std::span<double> bits) {
  Int8Context context;
  const auto model = std::make_unique<Int8Model>();
  for (size_t i = 0; i < layouts.size(); ++i) {
    std::vector<int8_t>& codes = tensors[i];
    context.StartTensor(layouts[i], codes);
    model->StartTensor(codes.size(), layouts[i].columns == 1);
    for (int8_t& code : codes) {
      code = static_cast<int8_t>(model->Code(coder, context.Predict(), code, bits.empty() ? nullptr : &bits[i]));
      context.Observe(code);
    }
  }
}

}  // namespace

void EncodeInt8Tensors(BinaryEncoder& coder, std::span<const Int8Layout> layouts,
                       std::span<const std::vector<int8_t>> codes) {
  std::vector<std::vector<int8_t>> copy(codes.begin(), codes.end());
  CodeTensors(coder, layouts, std::span(copy), {});
}

std::vector<std::vector<int8_t>> DecodeInt8Tensors(BinaryDecoder& coder, std::span<const Int8Layout> layouts,
                                                   std::span<double> bits) {
  std::vector<std::vector<int8_t>> tensors(layouts.size());
  for (size_t i = 0; i < layouts.size(); ++i) tensors[i].resize(layouts[i].num_codes());
  CodeTensors(coder, layouts, std::span(tensors), bits);
  return tensors;
}

}  // namespace kitsink
