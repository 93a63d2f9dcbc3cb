// Computes the network that renders f1 with LibTorch, and its first values.

#include "codecs/strict/network_torch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "train/random.h"
#include "train/straight_through.h"
#include "train/value_walk.h"

namespace kitsink::strict {
namespace {

using torch::Tensor;

constexpr double kNormEpsilon = 1e-5;

bool EndsWith(const TensorSpec& spec, std::string_view end) { return spec.name.ends_with(end); }

Tensor StartValue(const TensorSpec& spec, SeededRandom& random) {
  const std::vector<int64_t> sizes(spec.shape.begin(), spec.shape.end());
  std::vector<float> values(spec.num_values(), 0.0F);
  float bound = std::sqrt(static_cast<float>(spec.shape[0]) / static_cast<float>(values.size()));
  if (EndsWith(spec, "token_embed.weight")) bound = 1.7F;
  if (EndsWith(spec, "frame_embed.weight")) bound = 1;
  if (EndsWith(spec, "film.weight")) bound *= 0.1F;
  if (EndsWith(spec, "head.weight")) bound *= 0.1F;
  if (EndsWith(spec, "norm.weight")) {
    // Blocks add little at first.
    std::fill(values.begin(), values.end(), 0.3F);
  } else if (spec.shape.size() > 1) {
    for (float& value : values) value = bound * random.Signed();
  }
  return torch::tensor(values).view(sizes);
}

// The weights of the head's middle tap that turn the classes' features, at the middle of the picture, into their mean
// colours: the solution of least norm of one equation for each class, by ridge regression.
void PaintClasses(const RendererShape& shape, const ClassColours& colours, std::vector<Tensor>& values) {
  const int64_t channels = shape.width;
  const auto classes = std::min<int64_t>(shape.num_classes, kNumClasses);
  const Tensor mix = values[2].view({channels, channels + 4}).slice(1, 0, channels);
  const Tensor features = torch::gelu(values[0].slice(0, 0, classes).mm(mix.t())).to(torch::kDouble);
  Tensor wanted = torch::empty({classes, 3}, torch::kDouble);
  for (int64_t k = 0; k < classes; ++k) {
    for (int64_t c = 0; c < 3; ++c) {
      const double share = std::clamp(double{colours[k][c]} / 255, 0.02, 0.98);
      wanted[k][c] = std::log(share / (1 - share));
    }
  }
  const Tensor gram = features.mm(features.t()) + 1e-3 * torch::eye(classes, torch::kDouble);
  const Tensor weights = features.t().mm(torch::linalg_solve(gram, wanted));  // [channels, 3]
  Tensor head = values[values.size() - 2];
  head.select(2, 1).select(2, 1).copy_(weights.t());
}

}  // namespace

torch::Tensor MapsToTensor(const MaskClip& clip, std::span<const int64_t> indices, torch::Device device) {
  Tensor bytes = torch::empty({static_cast<int64_t>(indices.size()), clip.height, clip.width}, torch::kUInt8);
  for (size_t i = 0; i < indices.size(); ++i) {
    const std::span<const uint8_t> map = clip.map(static_cast<size_t>(indices[i]));
    std::memcpy(bytes.data_ptr<uint8_t>() + i * map.size(), map.data(), map.size());
  }
  return bytes.to(device).to(torch::kLong);
}

std::vector<Tensor> StartValues(const RendererShape& shape, const ClassColours& colours, uint64_t seed,
                                torch::Device device) {
  SeededRandom random(seed);
  std::vector<Tensor> values;
  for (const TensorSpec& spec : RendererTensors(shape)) values.push_back(StartValue(spec, random));
  PaintClasses(shape, colours, values);
  for (Tensor& value : values) value = value.to(device).requires_grad_(true);
  return values;
}

std::vector<Tensor> ValuesOf(const Renderer& renderer, torch::Device device) {
  const std::vector<TensorSpec> specs = RendererTensors(renderer.shape);
  std::vector<Tensor> values;
  for (size_t i = 0; i < specs.size(); ++i) {
    const std::vector<int64_t> sizes(specs[i].shape.begin(), specs[i].shape.end());
    const Tensor value = torch::tensor(DequantizeTensor(specs[i], renderer.tensors[i])).view(sizes);
    values.push_back(value.to(device).requires_grad_(true));
  }
  return values;
}

std::vector<Tensor> Quantised(const RendererShape& shape, std::span<const Tensor> values) {
  const std::vector<TensorSpec> specs = RendererTensors(shape);
  std::vector<Tensor> quantised;
  for (size_t i = 0; i < specs.size(); ++i) {
    const auto quantise = [&spec = specs[i]](std::span<const float> value) -> Result<std::vector<float>> {
      KIT_ASSIGN(const QuantizedTensor tensor, QuantizeMixedTensor(spec, value));
      return DequantizeTensor(spec, tensor);
    };
    quantised.push_back(FakeQuantize(values[i], quantise));
  }
  return quantised;
}

Result<Renderer> QuantiseRenderer(const RendererShape& shape, bool preimage, std::span<const Tensor> values) {
  Renderer renderer{shape, preimage, {}};
  const std::vector<TensorSpec> specs = RendererTensors(shape);
  for (size_t i = 0; i < specs.size(); ++i) {
    const Tensor value = values[i].detach().to(torch::kCPU).contiguous();
    const std::span<const float> span(value.data_ptr<float>(), static_cast<size_t>(value.numel()));
    KIT_ASSIGN(QuantizedTensor tensor, QuantizeMixedTensor(specs[i], span));
    renderer.tensors.push_back(std::move(tensor));
  }
  return renderer;
}

Tensor InputPlanes(const Tensor& maps, int64_t num_classes) {
  const auto floats = torch::dtype(torch::kFloat32).device(maps.device());
  const int64_t count = maps.size(0), height = maps.size(1), width = maps.size(2);
  Tensor planes = torch::empty({count, num_classes + 4, height, width}, floats);
  for (int64_t k = 0; k < num_classes; ++k) planes.select(1, k).copy_(maps.eq(k));
  const Tensor x = torch::linspace(-1, 1, width, floats).view({1, 1, width});
  const Tensor y = torch::linspace(-1, 1, height, floats).view({1, height, 1});
  const Tensor coordinates[] = {x, y, x * x, y * y};
  for (int64_t i = 0; i < 4; ++i) planes.select(1, num_classes + i).copy_(coordinates[i]);
  return planes;
}

Tensor RenderPlanes(const RendererShape& shape, std::span<const Tensor> values, const Tensor& planes,
                    const Tensor& pairs) {
  const int64_t channels = shape.width, groups = shape.width / 8;
  ValueWalk walk(values, "renderer");
  const Tensor& token_embed = walk.Next();
  const Tensor frame = walk.Next().index_select(0, pairs);
  const Tensor mix = walk.Next().view({channels, channels + 4});
  const Tensor& mix_bias = walk.Next();
  // The mixed embedding is one 1 x 1 convolution of the classes' planes.
  const Tensor table = torch::cat({mix.slice(1, 0, channels).mm(token_embed.t()), mix.slice(1, channels)}, 1);
  Tensor x = torch::conv2d(planes, table.view({channels, -1, 1, 1}), mix_bias);
  for (const uint8_t dilation : shape.dilations) {
    const Tensor& depthwise = walk.Next();
    const Tensor& depthwise_bias = walk.Next();
    const Tensor& pointwise = walk.Next();
    const Tensor& pointwise_bias = walk.Next();
    const Tensor& norm_weight = walk.Next();
    const Tensor& norm_bias = walk.Next();
    const Tensor& film_weight = walk.Next();
    const Tensor film = torch::linear(frame, film_weight, walk.Next()).view({-1, 2, channels, 1, 1});
    Tensor r = torch::conv2d(x, depthwise, depthwise_bias, 1, dilation, dilation, channels);
    r = torch::conv2d(r, pointwise, pointwise_bias);
    r = torch::group_norm(r, groups, norm_weight, norm_bias, kNormEpsilon);
    x = x + torch::gelu(r * (1 + film.select(1, 0)) + film.select(1, 1));
  }
  const Tensor& head = walk.Next();
  return 255 * torch::sigmoid(torch::conv2d(torch::gelu(x), head, walk.Next(), 1, 1));
}

Tensor RenderPicture(const RendererShape& shape, std::span<const Tensor> values, const Tensor& maps,
                     const Tensor& pairs) {
  return RenderPlanes(shape, values, InputPlanes(maps, shape.num_classes), pairs);
}

}  // namespace kitsink::strict
