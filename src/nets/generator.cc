// JointFrameGenerator (specs: semantic 3.1): class map and pose to f0 and f1.

#include "kitsink/pose.h"
#include "nets/nets_torch.h"

namespace kitsink {
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

// Two planes, x and y, of pixel centres from -1 to 1.
Tensor Coordinates(const Tensor& like) {
  const int64_t height = like.size(2), width = like.size(3);
  const auto centres = [&like](int64_t count) {
    return (torch::arange(count, like.options()) + 0.5) * (2.0 / static_cast<double>(count)) - 1.0;
  };
  const Tensor x = centres(width).view({1, width}).expand({height, width});
  const Tensor y = centres(height).view({height, 1}).expand({height, width});
  return torch::stack({x, y}).unsqueeze(0).expand({like.size(0), 2, height, width});
}

// Walks the values in definition order, which is the order in which the forward pass needs them: a tensor that is
// used out of turn has the wrong shape and throws.
class Walk {
 public:
  explicit Walk(std::span<const Tensor> values) : values_(values) {}

  const Tensor& Next() {
    TORCH_CHECK(next_ < values_.size(), "the generator needs more tensors than the ", values_.size(), " given");
    return values_[next_++];
  }
  bool done() const { return next_ == values_.size(); }

  // Depthwise 3x3, then pointwise with bias.
  Tensor Separable(const Tensor& x, int64_t stride) {
    const Tensor& depthwise = Next();
    const Tensor& pointwise = Next();
    const Tensor& bias = Next();
    const Tensor y = torch::conv2d(x, depthwise, {}, stride, 1, 1, x.size(1));
    return torch::conv2d(y, pointwise, bias);
  }
  Tensor Norm(const Tensor& x) {
    const Tensor& weight = Next();
    const Tensor& bias = Next();
    return torch::group_norm(x, kNormGroups, weight, bias, kGroupNormEps);
  }
  Tensor SeparableNormSilu(const Tensor& x, int64_t stride) { return torch::silu(Norm(Separable(x, stride))); }
  Tensor Linear(const Tensor& x) {
    const Tensor& weight = Next();
    const Tensor& bias = Next();
    return torch::linear(x, weight, bias);
  }
  // With a condition, the second norm is followed by y * (1 + gamma) + beta.
  Tensor Residual(const Tensor& x, const Tensor& condition) {
    Tensor y = Norm(Separable(SeparableNormSilu(x, 1), 1));
    if (condition.defined()) {
      const Tensor film = Linear(condition).unsqueeze(2).unsqueeze(3);
      y = y * (1.0 + film.slice(1, 0, x.size(1))) + film.slice(1, x.size(1));
    }
    return torch::silu(x + y);
  }
  Tensor Head(const Tensor& features, const Tensor& condition) {
    Tensor x = Residual(features, condition);
    x = SeparableNormSilu(Residual(x, Tensor()), 1);
    const Tensor& weight = Next();
    const Tensor& bias = Next();
    return torch::sigmoid(torch::conv2d(x, weight, bias)) * 255.0;
  }

 private:
  std::span<const Tensor> values_;
  size_t next_ = 0;
};

// One pair at a time: in a larger batch sums round differently, and a pair's frames may not depend on its company.
class GeneratorRenderer final : public Renderer {
 public:
  GeneratorRenderer(const MaskClip& mask, const Track& pose, const WeightSet& weights, FrameSize size, Device device)
      : mask_(mask),
        shape_(weights.shape),
        size_(size),
        device_(TorchDevice(device)),
        poses_(torch::tensor(DequantizeTrack(pose)).view({pose.num_rows, pose.num_columns}).to(device_)),
        values_(GeneratorValues(weights, device_)) {}

  Result<std::vector<FramePair>> Render(size_t first, size_t count) override {
    return Guarded("render", [&]() -> Result<std::vector<FramePair>> {
      const torch::NoGradGuard no_grad;
      if (count == 0) return std::vector<FramePair>();
      if (first > mask_.count || count > mask_.count - first) {
        return Error{Code::kInvalidArgument, "render: pairs " + std::to_string(first) + " to " +
                                                 std::to_string(first + count) + " of " + std::to_string(mask_.count)};
      }
      std::vector<FramePair> pairs;
      for (size_t pair = first; pair < first + count; ++pair) {
        const auto row = static_cast<int64_t>(pair);
        const auto [small_f0, small_f1] = GeneratorForward(shape_, values_, ClassMapsToTensor(mask_, pair, 1, device_),
                                                           poses_.slice(0, row, row + 1));
        pairs.push_back(
            FramePair{std::move(WriteSmall(small_f0, size_)[0]), std::move(WriteSmall(small_f1, size_)[0])});
      }
      return pairs;
    });
  }

 private:
  const MaskClip& mask_;
  GeneratorShape shape_;
  FrameSize size_;
  torch::Device device_;
  Tensor poses_;
  std::vector<Tensor> values_;
};

}  // namespace

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
  Walk walk(values);
  Tensor x = torch::embedding(walk.Next(), class_maps).permute({0, 3, 1, 2});
  x = Bilinear(x, kModelGrid.height, kModelGrid.width);
  // Channels last in memory: on a CPU the depthwise convolutions run four times, the pointwise ones three times as
  // fast.
  x = torch::cat({x, Coordinates(x)}, 1).contiguous(torch::MemoryFormat::ChannelsLast);
  x = walk.SeparableNormSilu(x, 1);
  const Tensor skip = walk.Residual(x, Tensor());
  x = walk.SeparableNormSilu(skip, 2);
  x = walk.Residual(x, Tensor());
  x = walk.SeparableNormSilu(Bilinear(x, kModelGrid.height, kModelGrid.width), 1);
  x = walk.SeparableNormSilu(torch::cat({x, skip}, 1), 1);
  const Tensor features = walk.Residual(x, Tensor());
  const Tensor condition = walk.Linear(torch::silu(walk.Linear(poses)));
  const Tensor f0 = walk.Head(features, condition);
  const Tensor f1 = walk.Head(features, Tensor());
  TORCH_CHECK(walk.done(), "the generator was given more tensors than it has");
  return {f0, f1};
}

Result<std::unique_ptr<Renderer>> CreateGeneratorRenderer(const MaskClip& mask, const Track& pose,
                                                          const WeightSet& weights, FrameSize size,
                                                          const Device& device) {
  if (pose.num_rows != mask.count || pose.num_columns != weights.shape.pose) {
    return Error{Code::kCorrupt, "render: the generator reads " + std::to_string(weights.shape.pose) +
                                     " pose values for each of " + std::to_string(mask.count) + " pairs, got " +
                                     std::to_string(pose.num_columns) + " for " + std::to_string(pose.num_rows)};
  }
  if (mask.num_classes > weights.shape.num_classes) {
    return Error{Code::kCorrupt, "render: the generator knows " + std::to_string(weights.shape.num_classes) +
                                     " classes, the class maps have " + std::to_string(mask.num_classes)};
  }
  return Guarded("render", [&]() -> Result<std::unique_ptr<Renderer>> {
    return std::unique_ptr<Renderer>(std::make_unique<GeneratorRenderer>(mask, pose, weights, size, device));
  });
}

}  // namespace kitsink
