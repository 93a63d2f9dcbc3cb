#include "codecs/search/fake_quant.h"

#include <span>

namespace kitsink::search {

torch::Tensor FakeQuantize(const TensorSpec& spec, const torch::Tensor& value) {
  // A few ten thousand values: the format's own code on the CPU costs about a millisecond a step and cannot drift
  // from what is stored.
  const torch::Tensor detached = value.detach();
  const torch::Tensor flat = detached.to(torch::kCPU).contiguous();
  const Result<QuantizedTensor> tensor =
      QuantizeTensor(spec, std::span(flat.data_ptr<float>(), static_cast<size_t>(flat.numel())));
  TORCH_CHECK(tensor.ok(), tensor.ok() ? "" : tensor.error().message);
  const torch::Tensor quantised = torch::tensor(DequantizeTensor(spec, tensor.value())).view(value.sizes());
  return value + (quantised.to(value.device()) - detached);
}

}  // namespace kitsink::search
