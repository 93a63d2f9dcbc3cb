// JointFrameGenerator: computes f0 and f1 from a class map and a pose.

#include "codecs/search/generator.h"

#include <cstring>

#include "codecs/search/channels_last.h"
#include "nets/nets_torch.h"
#include "train/recompute.h"
#include "train/value_walk.h"

namespace kitsink::search {
namespace {

using torch::Tensor;

constexpr double kGroupNormEps = 1e-5;
constexpr int64_t kNormGroups = 2;

Tensor Bilinear(const Tensor& x, int64_t height, int64_t width) {
  namespace F = torch::nn::functional;
  if (x.size(2) == height && x.size(3) == width) return x;
  return F::interpolate(x, F::InterpolateFuncOptions()
                               .size(std::vector<int64_t>{height, width})
                               .mode(torch::kBilinear)
                               .align_corners(false));
}

// Two planes that hold the pixel centres' x and y, from -1 to 1.
Tensor Coordinates(const Tensor& like) {
  const int64_t height = like.size(2), width = like.size(3);
  const auto centres = [&like](int64_t count) {
    return (torch::arange(count, like.options()) + 0.5) * (2.0 / static_cast<double>(count)) - 1.0;
  };
  const Tensor x = centres(width).view({1, width}).expand({height, width});
  const Tensor y = centres(height).view({height, 1}).expand({height, width});
  return torch::stack({x, y}).unsqueeze(0).expand({like.size(0), 2, height, width});
}

// Layers, each made of the next values.
class Walk : public ValueWalk {
 public:
  explicit Walk(std::span<const Tensor> values) : ValueWalk(values, "generator") {}

  // Depthwise 3x3, then pointwise with bias.
  Tensor Separable(const Tensor& x, int64_t stride) {
    const Tensor& depthwise = Next();
    const Tensor& pointwise = Next();
    const Tensor& bias = Next();
    const Tensor y = torch::conv2d(x, depthwise, {}, stride, 1, 1, x.size(1));
    return PointwiseConv(y, pointwise, bias);
  }
  Tensor Norm(const Tensor& x) {
    const Tensor& weight = Next();
    const Tensor& bias = Next();
    return GroupNorm(x, kNormGroups, weight, bias, kGroupNormEps);
  }
  Tensor Linear(const Tensor& x) {
    const Tensor& weight = Next();
    const Tensor& bias = Next();
    return torch::linear(x, weight, bias);
  }
  Tensor SeparableNormSilu(const Tensor& x, int64_t stride) { return torch::silu(Norm(Separable(x, stride))); }
  // With a condition, the second norm is followed by y * (1 + gamma) + beta.
  Tensor Residual(const Tensor& x, const Tensor& condition) {
    Tensor y = Norm(Separable(SeparableNormSilu(x, 1), 1));
    if (condition.defined()) {
      const Tensor film = Linear(condition).unsqueeze(2).unsqueeze(3);
      y = y * (1.0 + film.slice(1, 0, x.size(1))) + film.slice(1, x.size(1));
    }
    return torch::silu(x + y);
  }
};

using Inputs = std::span<const Tensor>;

// The generator's blocks. Where it is to spare memory, a training keeps nothing but their inputs: all features of a
// pair are 3 GB in the full generator.
class Blocks : public Walk {
 public:
  Blocks(std::span<const Tensor> values, bool spare) : Walk(values), spare_(spare) {}

  Tensor SeparableBlock(const Tensor& x, int64_t stride) {
    return Run(5, {x}, [stride](Walk& walk, Inputs inputs) { return walk.SeparableNormSilu(inputs[0], stride); });
  }
  // Of x enlarged to the model's grid.
  Tensor EnlargedBlock(const Tensor& x) {
    return Run(5, {x}, [](Walk& walk, Inputs inputs) {
      return walk.SeparableNormSilu(Bilinear(inputs[0], kModelGrid.height, kModelGrid.width), 1);
    });
  }
  // Of the channels of both.
  Tensor JoinedBlock(const Tensor& x, const Tensor& skip) {
    return Run(5, {x, skip}, [](Walk& walk, Inputs inputs) {
      return walk.SeparableNormSilu(torch::cat({inputs[0], inputs[1]}, 1), 1);
    });
  }
  Tensor ResidualBlock(const Tensor& x) {
    return Run(10, {x}, [](Walk& walk, Inputs inputs) { return walk.Residual(inputs[0], Tensor()); });
  }
  Tensor ResidualBlock(const Tensor& x, const Tensor& condition) {
    if (!condition.defined()) return ResidualBlock(x);
    return Run(12, {x, condition}, [](Walk& walk, Inputs inputs) { return walk.Residual(inputs[0], inputs[1]); });
  }
  Tensor Head(const Tensor& features, const Tensor& condition) {
    return FrameBlock(ResidualBlock(ResidualBlock(features, condition)));
  }

 private:
  // Of the head's features.
  Tensor FrameBlock(const Tensor& features) {
    return Run(7, {features}, [](Walk& walk, Inputs inputs) {
      const Tensor x = walk.SeparableNormSilu(inputs[0], 1);
      const Tensor& weight = walk.Next();
      const Tensor& bias = walk.Next();
      return torch::sigmoid(PointwiseConv(x, weight, bias)) * 255.0;
    });
  }
  // Layers of the next `count` values.
  template <typename Layers>
  Tensor Run(size_t count, std::vector<Tensor> inputs, const Layers& layers) {
    const size_t num_inputs = inputs.size();
    for (size_t i = 0; i < count; ++i) inputs.push_back(Next());
    const auto run = [layers, num_inputs](const std::vector<Tensor>& all) {
      Walk walk(Inputs(all).subspan(num_inputs));
      return layers(walk, Inputs(all).first(num_inputs));
    };
    return spare_ ? Recomputed(run, inputs) : run(inputs);
  }

  bool spare_;
};

}  // namespace

Tensor ClassMapsToTensor(const MaskClip& clip, size_t first, size_t count, torch::Device device) {
  TORCH_CHECK(first <= clip.count && count <= clip.count - first, "class maps out of range");
  const Tensor ids = torch::empty({static_cast<int64_t>(count), clip.height, clip.width}, torch::dtype(torch::kUInt8));
  std::memcpy(ids.data_ptr<uint8_t>(), clip.ids.data() + first * clip.map_bytes(), count * clip.map_bytes());
  return ids.to(device).to(torch::kInt64);
}

std::vector<Tensor> GeneratorValues(const WeightSet& weights, torch::Device device) {
  const std::vector<TensorSpec> specs = GeneratorTensors(weights.shape);
  TORCH_CHECK(specs.size() == weights.tensors.size(), "the generator has ", specs.size(), " tensors, not ",
              weights.tensors.size());
  std::vector<Tensor> values;
  for (size_t i = 0; i < specs.size(); ++i) {
    const std::vector<int64_t> shape(specs[i].shape.begin(), specs[i].shape.end());
    values.push_back(torch::tensor(DequantizeTensor(specs[i], weights.tensors[i])).view(shape).to(device));
  }
  return values;
}

std::pair<Tensor, Tensor> GeneratorForward(const GeneratorShape& shape, std::span<const Tensor> values,
                                           const Tensor& class_maps, const Tensor& poses) {
  TORCH_CHECK(poses.size(1) == shape.pose, "the generator reads ", shape.pose, " pose values, not ", poses.size(1));
  // The tiny one takes 1.4 GB with all features, and is faster so.
  Blocks walk(values, poses.is_cpu() && shape.trunk >= 32);
  Tensor x = torch::embedding(walk.Next(), class_maps).permute({0, 3, 1, 2});
  x = Bilinear(x, kModelGrid.height, kModelGrid.width);
  // Channels last in memory: on a CPU the depthwise convolutions run four times, the pointwise ones three times as
  // fast.
  x = torch::cat({x, Coordinates(x)}, 1).contiguous(torch::MemoryFormat::ChannelsLast);
  x = walk.SeparableBlock(x, 1);
  const Tensor skip = walk.ResidualBlock(x);
  x = walk.SeparableBlock(skip, 2);
  x = walk.ResidualBlock(x);
  x = walk.JoinedBlock(walk.EnlargedBlock(x), skip);
  const Tensor features = walk.ResidualBlock(x);
  const Tensor condition = walk.Linear(torch::silu(walk.Linear(poses)));
  const Tensor f0 = walk.Head(features, condition);
  const Tensor f1 = walk.Head(features, Tensor());
  TORCH_CHECK(walk.done(), "the generator was given more tensors than it has");
  return {f0, f1};
}

}  // namespace kitsink::search
