// Quantises weights in training to the values that stream w will hold.

#include "codecs/search/fake_quant.h"

#include "train/straight_through.h"

namespace kitsink::search {

torch::Tensor FakeQuantize(const TensorSpec& spec, const torch::Tensor& value) {
  return kitsink::FakeQuantize(value, [&spec](std::span<const float> values) -> Result<std::vector<float>> {
    KIT_ASSIGN(const QuantizedTensor tensor, QuantizeTensor(spec, values));
    return DequantizeTensor(spec, tensor);
  });
}

}  // namespace kitsink::search
