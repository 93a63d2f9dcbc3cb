// Quantises weights in training to the values that stream w will hold.

#include "codecs/search/fake_quant.h"

#include <span>

#include "train/straight_through.h"

namespace kitsink::search {

torch::Tensor FakeQuantize(const TensorSpec& spec, const torch::Tensor& value) {
  // Uses the format's own code on the CPU, so that the values cannot differ from the stored ones. It costs about a
  // millisecond for the few ten thousand values of a generator.
  const torch::Tensor flat = value.detach().to(torch::kCPU).contiguous();
  const Result<QuantizedTensor> tensor =
      QuantizeTensor(spec, std::span(flat.data_ptr<float>(), static_cast<size_t>(flat.numel())));
  TORCH_CHECK(tensor.ok(), tensor.ok() ? "" : tensor.error().message);
  const torch::Tensor quantised = torch::tensor(DequantizeTensor(spec, tensor.value())).view(value.sizes());
  return StraightThrough(value, quantised.to(value.device()));
}

}  // namespace kitsink::search
