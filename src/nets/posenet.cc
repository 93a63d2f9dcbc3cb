// PoseNet: FastViT-T12 in its training form, a summarizer and the Hydra head. Members are named
// as in the state dict.

#include "nets/layers.h"
#include "nets/module_tensors.h"
#include "nets/nets_torch.h"

namespace kitsink {
namespace {

using torch::Tensor;

constexpr size_t kStages = 4;
constexpr double kAllNormEps = 1e-3;

Tensor Gelu(const Tensor& x) { return torch::gelu(x, "tanh"); }

// A linear map as a convolution kernel and a bias per output channel, in double.
struct Kernel {
  Tensor weight, bias;
};

// A convolution with its norm, zero-padded to `size` x `size`.
Kernel ConvKernel(const ConvNorm& branch, int64_t size) {
  const Affine affine = NormAsAffine(branch->bn);
  const int64_t border = (size - branch->conv->weight.size(2)) / 2;
  const Tensor weight = branch->conv->weight.to(torch::kFloat64) * affine.scale.view({-1, 1, 1, 1});
  return {torch::constant_pad_nd(weight, {border, border, border, border}), affine.shift};
}

// A norm without a convolution: a centred delta from each channel to itself.
Kernel NormKernel(const torch::nn::BatchNorm2d& norm, int64_t per_group, int64_t size) {
  const Affine affine = NormAsAffine(norm);
  const int64_t channels = affine.scale.size(0);
  Tensor weight = torch::zeros({channels, per_group, size, size}, affine.scale.options());
  const Tensor output = torch::arange(channels, affine.scale.options().dtype(torch::kInt64));
  weight.index_put_(
      {output, output % per_group, torch::full_like(output, size / 2), torch::full_like(output, size / 2)},
      affine.scale);
  return {weight, affine.shift};
}

// A sum of convolutions and norms that a single convolution can replace.
class Branched : public Foldable {
 public:
  void Fold() override {
    if (folded_.weight.defined()) return;
    const torch::NoGradGuard no_grad;
    folded_ = Single();
  }
  void MergeAlways() { merges_always_ = true; }

 protected:
  virtual Kernel Merged() const = 0;
  bool merged() const { return merges_always_ || folded_.weight.defined(); }
  Tensor Convolve(const Tensor& x, int64_t stride, int64_t groups) const {
    const Kernel kernel = folded_.weight.defined() ? folded_ : Single();
    return torch::conv2d(x, kernel.weight, kernel.bias, stride, kernel.weight.size(2) / 2, 1, groups);
  }

 private:
  Kernel Single() const {
    const Kernel kernel = Merged();
    return {kernel.weight.to(torch::kFloat32), kernel.bias.to(torch::kFloat32)};
  }

  Kernel folded_;
  bool merges_always_ = false;
};

struct MobileOneOptions {
  int64_t in = 0, out = 0, kernel = 1, stride = 1, groups = 1;
  bool gelu = true;
  int64_t squeeze = 0;  // 0: no squeeze-and-excite
};

class SqueezeExciteImpl : public torch::nn::Module {
 public:
  SqueezeExciteImpl(int64_t channels, int64_t squeeze)
      : fc1_(register_module("fc1", MakeConv(channels, squeeze, 1, 1, 1, true))),
        fc2_(register_module("fc2", MakeConv(squeeze, channels, 1, 1, 1, true))) {}
  Tensor forward(const Tensor& x) {
    return x * torch::sigmoid(fc2_(torch::relu(fc1_(x.mean({2, 3}, /*keepdim=*/true)))));
  }

 private:
  torch::nn::Conv2d fc1_, fc2_;
};
TORCH_MODULE(SqueezeExcite);

// Parallel branches, then squeeze-and-excite and GELU if the options ask for them.
class MobileOneImpl : public torch::nn::Module, public Branched {
 public:
  explicit MobileOneImpl(const MobileOneOptions& o) : options_(o) {
    if (o.in == o.out && o.stride == 1) identity_ = register_module("identity", MakeNorm(o.out));
    if (o.kernel > 1) conv_scale_ = register_module("conv_scale", ConvNorm(o.in, o.out, 1, o.stride, o.groups));
    const ConvNorm convolution(o.in, o.out, o.kernel, o.stride, o.groups);
    conv_kxk_ = AddGroup(*this, "conv_kxk")->register_module("0", convolution);
    if (o.squeeze > 0) se_ = register_module("se", SqueezeExcite(o.out, o.squeeze));
  }
  Tensor forward(const Tensor& x) {
    Tensor y = Branches(x);
    if (!se_.is_empty()) y = se_(y);
    return options_.gelu ? Gelu(y) : y;
  }
  Kernel Merged() const override {
    Kernel sum = ConvKernel(conv_kxk_, options_.kernel);
    const auto add = [&sum](const Kernel& kernel) {
      sum.weight = sum.weight + kernel.weight;
      sum.bias = sum.bias + kernel.bias;
    };
    if (!conv_scale_.is_empty()) add(ConvKernel(conv_scale_, options_.kernel));
    if (!identity_.is_empty()) add(NormKernel(identity_, options_.in / options_.groups, options_.kernel));
    return sum;
  }

 private:
  Tensor Branches(const Tensor& x) {
    if (merged()) return Convolve(x, options_.stride, options_.groups);
    // Upstream's order of summation gives equal bits.
    Tensor sum;
    if (!conv_scale_.is_empty()) sum = conv_scale_(x);
    if (!identity_.is_empty()) sum = sum.defined() ? sum + identity_->forward(x) : identity_->forward(x);
    const Tensor last = conv_kxk_(x);
    return sum.defined() ? sum + last : last;
  }

  MobileOneOptions options_;
  torch::nn::BatchNorm2d identity_{nullptr};
  ConvNorm conv_scale_{nullptr}, conv_kxk_{nullptr};
  SqueezeExcite se_{nullptr};
};
TORCH_MODULE(MobileOne);

// The sum of two depthwise convolutions with kernels of different size, stride 2.
class LargeKernelImpl : public torch::nn::Module, public Branched {
 public:
  LargeKernelImpl(int64_t in, int64_t out)
      : groups_(in),
        large_conv_(register_module("large_conv", ConvNorm(in, out, 7, 2, in))),
        small_conv_(register_module("small_conv", ConvNorm(in, out, 3, 2, in))) {}
  Tensor forward(const Tensor& x) {
    if (merged()) return Convolve(x, 2, groups_);
    return large_conv_(x) + small_conv_(x);
  }

 protected:
  Kernel Merged() const override {
    const Kernel large = ConvKernel(large_conv_, 7);
    const Kernel small = ConvKernel(small_conv_, 7);
    return {large.weight + small.weight, large.bias + small.bias};
  }

 private:
  int64_t groups_;
  ConvNorm large_conv_, small_conv_;
};
TORCH_MODULE(LargeKernel);

Tensor AddGamma(torch::nn::Module& parent, int64_t channels) {
  return AddGroup(parent, "layer_scale")->register_parameter("gamma", torch::ones({channels, 1, 1}));
}

// x + gamma * (mixer(x) - norm(x)).
class TokenMixerImpl : public torch::nn::Module, public Branched {
 public:
  explicit TokenMixerImpl(int64_t channels) : channels_(channels) {
    norm_ = AddGroup(*this, "norm")->register_module("identity", MakeNorm(channels));
    mixer_ = register_module("mixer", MobileOne(MobileOneOptions{channels, channels, 3, 1, channels, false, 0}));
    gamma_ = AddGamma(*this, channels);
  }
  Tensor forward(const Tensor& x) {
    if (merged()) return Convolve(x, 1, channels_);
    return x + gamma_ * (mixer_(x) - norm_->forward(x));
  }

 protected:
  Kernel Merged() const override {
    const Kernel mixer = mixer_->Merged();
    const Kernel norm = NormKernel(norm_, 1, 3);
    const Tensor gamma = gamma_.to(torch::kFloat64).view({-1, 1, 1, 1});
    Tensor weight = gamma * (mixer.weight - norm.weight);
    weight.select(3, 1).select(2, 1).add_(1.0);
    return {weight, gamma.flatten() * (mixer.bias - norm.bias)};
  }

 private:
  int64_t channels_;
  torch::nn::BatchNorm2d norm_{nullptr};
  MobileOne mixer_{nullptr};
  Tensor gamma_;
};
TORCH_MODULE(TokenMixer);

class MlpImpl : public torch::nn::Module, public Branched {
 public:
  MlpImpl(int64_t channels, int64_t ratio)
      : channels_(channels),
        conv_(register_module("conv", ConvNorm(channels, channels, 7, 1, channels))),
        fc1_(register_module("fc1", MakeConv(channels, channels * ratio, 1, 1, 1, true))),
        fc2_(register_module("fc2", MakeConv(channels * ratio, channels, 1, 1, 1, true))) {}
  Tensor forward(const Tensor& x) { return fc2_(Gelu(fc1_(merged() ? Convolve(x, 1, channels_) : conv_(x)))); }

 protected:
  Kernel Merged() const override { return ConvKernel(conv_, 7); }

 private:
  int64_t channels_;
  ConvNorm conv_;
  torch::nn::Conv2d fc1_, fc2_;
};
TORCH_MODULE(Mlp);

class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(int64_t channels, int64_t ratio)
      : token_mixer_(register_module("token_mixer", TokenMixer(channels))),
        mlp_(register_module("mlp", Mlp(channels, ratio))),
        gamma_(AddGamma(*this, channels)) {}
  Tensor forward(const Tensor& input) {
    const Tensor x = token_mixer_(input);
    return x + gamma_ * mlp_(x);
  }

 private:
  TokenMixer token_mixer_;
  Mlp mlp_;
  Tensor gamma_;
};
TORCH_MODULE(Block);

// A batch norm with one weight, bias, mean and variance for all features.
class AllNormImpl : public torch::nn::Module {
 public:
  AllNormImpl()
      : bn_(register_module("bn", torch::nn::BatchNorm1d(torch::nn::BatchNorm1dOptions(1).eps(kAllNormEps)))) {}
  Tensor forward(const Tensor& x) { return bn_(x.reshape({-1, 1})).view_as(x); }

 private:
  torch::nn::BatchNorm1d bn_;
};
TORCH_MODULE(AllNorm);

class ResBlockImpl : public torch::nn::Module {
 public:
  explicit ResBlockImpl(int64_t features) {
    const auto a = AddGroup(*this, "block_a");
    a0_ = a->register_module("0", torch::nn::Linear(features, 2 * features));
    a1_ = a->register_module("1", AllNorm());
    a3_ = a->register_module("3", torch::nn::Linear(2 * features, features));
    a4_ = a->register_module("4", AllNorm());
    const auto b = AddGroup(*this, "block_b");
    b1_ = b->register_module("1", torch::nn::Linear(features, 2 * features));
    b2_ = b->register_module("2", AllNorm());
    b4_ = b->register_module("4", torch::nn::Linear(2 * features, features));
    b5_ = b->register_module("5", AllNorm());
  }
  Tensor forward(const Tensor& x) {
    // The second skip is the rectified sum, because upstream's block_b begins with an in-place ReLU.
    const Tensor a = torch::relu(x + a4_(a3_(torch::relu(a1_(a0_(x))))));
    return torch::relu(a + b5_(b4_(torch::relu(b2_(b1_(a))))));
  }

 private:
  torch::nn::Linear a0_{nullptr}, a3_{nullptr}, b1_{nullptr}, b4_{nullptr};
  AllNorm a1_{nullptr}, a4_{nullptr}, b2_{nullptr}, b5_{nullptr};
};
TORCH_MODULE(ResBlock);

class PoseNet final : public FrozenNet {
 public:
  explicit PoseNet(const PoseNetShape& shape)
      : mean_(register_buffer("_mean", torch::full({1, shape.inputs, 1, 1}, 127.5F))),
        std_(register_buffer("_std", torch::full({1, shape.inputs, 1, 1}, 63.75F))) {
    const auto vision = AddGroup(*this, "vision");
    int64_t width = shape.widths[0];
    torch::nn::Sequential stem;
    stem->push_back(MobileOne(MobileOneOptions{shape.inputs, width, 3, 2, 1, true, 0}));
    stem->push_back(MobileOne(MobileOneOptions{width, width, 3, 2, width, true, 0}));
    stem->push_back(MobileOne(MobileOneOptions{width, width, 1, 1, 1, true, 0}));
    trunk_.push_back(vision->register_module("stem", stem));
    const auto stages = AddGroup(*vision, "stages");
    for (size_t index = 0; index < kStages; ++index) {
      const auto stage = AddGroup(*stages, std::to_string(index));
      if (index > 0) {
        const int64_t wider = shape.widths[index];
        torch::nn::Sequential proj;
        proj->push_back(LargeKernel(width, wider));
        proj->push_back(MobileOne(MobileOneOptions{wider, wider, 1, 1, 1, true, 0}));
        trunk_.push_back(AddGroup(*stage, "downsample")->register_module("proj", proj));
        width = wider;
      }
      torch::nn::Sequential blocks;
      for (int64_t block = 0; block < shape.blocks[index]; ++block) blocks->push_back(Block(width, shape.mlp_ratio));
      trunk_.push_back(stage->register_module("blocks", blocks));
    }
    final_conv_ = vision->register_module(
        "final_conv", MobileOne(MobileOneOptions{width, shape.final_width, 3, 1, width, true, shape.squeeze}));
    fc_ = AddGroup(*vision, "head")->register_module("fc", torch::nn::Linear(shape.final_width, shape.features));

    const auto summarizer = AddGroup(*this, "summarizer");
    summary_ = summarizer->register_module("0", torch::nn::Linear(shape.features, shape.summary));
    summary_block_ = summarizer->register_module("2", ResBlock(shape.summary));

    const auto hydra = AddGroup(*this, "hydra");
    hydra_block_ = hydra->register_module("resblock", ResBlock(shape.summary));
    const int64_t hidden = shape.hidden;
    in_layer_ = AddGroup(*hydra, "in_layer")->register_module("pose", torch::nn::Linear(shape.summary, hidden));
    const auto res_layer = AddGroup(*AddGroup(*hydra, "res_layer"), "pose");
    res0_ = res_layer->register_module("0", torch::nn::Linear(hidden, hidden));
    res2_ = res_layer->register_module("2", torch::nn::Linear(hidden, hidden));
    final_layer_ = AddGroup(*hydra, "final_layer")->register_module("pose", torch::nn::Linear(hidden, shape.outputs));
  }

  Tensor Forward(Tensor input) override { return Trace(input).outputs; }

  PoseTrace Trace(const Tensor& input) {
    PoseTrace trace;
    Tensor x = (input - mean_) / std_;
    for (size_t part = 0; part < trunk_.size(); ++part) {
      x = trunk_[part]->forward(x);
      if (part % 2 == 1) trace.stages.push_back(x);
    }
    Finish(trace);
    return trace;
  }

  // Computes the rest of the trace from the last stage.
  void Finish(PoseTrace& trace) {
    trace.pooled = final_conv_(trace.stages.back()).mean({2, 3});
    trace.outputs = Outputs(trace.pooled);
  }

  void Fold() override { FoldAll(*this); }

 private:
  Tensor Outputs(const Tensor& pooled) {
    Tensor x = fc_(pooled);
    x = hydra_block_(summary_block_(torch::relu(summary_(x))));
    x = torch::relu(in_layer_(x));
    return final_layer_(torch::relu(x + res2_(torch::relu(res0_(x)))));
  }

  Tensor mean_, std_;
  std::vector<torch::nn::Sequential> trunk_;  // stem, then for each stage its downsampling and its blocks
  MobileOne final_conv_{nullptr};
  torch::nn::Linear fc_{nullptr}, summary_{nullptr};
  ResBlock summary_block_{nullptr}, hydra_block_{nullptr};
  torch::nn::Linear in_layer_{nullptr}, res0_{nullptr}, res2_{nullptr}, final_layer_{nullptr};
};

}  // namespace

std::shared_ptr<FrozenNet> CreatePoseNet(const PoseNetShape& shape) {
  auto net = std::make_shared<PoseNet>(shape);
  Freeze(*net);
  return net;
}

PoseTrace TracePoseNet(FrozenNet& posenet, const Tensor& input) { return dynamic_cast<PoseNet&>(posenet).Trace(input); }

void FinishPoseNet(FrozenNet& posenet, PoseTrace& trace) { dynamic_cast<PoseNet&>(posenet).Finish(trace); }

void MergeAlways(FrozenNet& posenet) {
  for (const auto& child : posenet.modules(/*include_self=*/false)) {
    if (auto* branched = dynamic_cast<Branched*>(child.get())) branched->MergeAlways();
  }
}

Result<PoseNetShape> ReadPoseNetShape(const TensorFile& file) {
  PoseNetShape shape;
  KIT_ASSIGN(shape.inputs, ReadDimension(file, "vision.stem.0.conv_kxk.0.conv.weight", 4, 1));
  for (size_t stage = 0; stage < kStages; ++stage) {
    const std::string prefix = "vision.stages." + std::to_string(stage) + ".blocks.";
    KIT_ASSIGN(shape.widths[stage], ReadDimension(file, prefix + "0.mlp.fc2.weight", 4, 0));
    shape.blocks[stage] = CountModules(file, prefix);
    if (stage > 0 && shape.widths[stage] % shape.widths[stage - 1] != 0) {
      return Error{Code::kCorrupt, "width of stage " + std::to_string(stage) + " is no multiple of the stage before"};
    }
  }
  KIT_ASSIGN(const int64_t inner, ReadDimension(file, "vision.stages.0.blocks.0.mlp.fc1.weight", 4, 0));
  shape.mlp_ratio = std::max<int64_t>(1, inner / shape.widths[0]);
  KIT_ASSIGN(shape.final_width, ReadDimension(file, "vision.head.fc.weight", 2, 1));
  if (shape.final_width % shape.widths[kStages - 1] != 0) {
    return Error{Code::kCorrupt, "width of final_conv is no multiple of the last stage"};
  }
  KIT_ASSIGN(shape.squeeze, ReadDimension(file, "vision.final_conv.se.fc1.weight", 4, 0));
  KIT_ASSIGN(shape.features, ReadDimension(file, "vision.head.fc.weight", 2, 0));
  KIT_ASSIGN(shape.summary, ReadDimension(file, "summarizer.0.weight", 2, 0));
  KIT_ASSIGN(shape.hidden, ReadDimension(file, "hydra.in_layer.pose.weight", 2, 0));
  KIT_ASSIGN(shape.outputs, ReadDimension(file, "hydra.final_layer.pose.weight", 2, 0));
  return shape;
}

}  // namespace kitsink
