// SegNet: a U-Net with an EfficientNet-B2 encoder. Members are named as in the state dict.

#include <array>

#include "nets/layers.h"
#include "nets/module_tensors.h"
#include "nets/nets_torch.h"

namespace kitsink {
namespace {

using torch::Tensor;

constexpr size_t kStages = 7;
constexpr std::array<int64_t, kStages> kKernels = {3, 3, 5, 3, 5, 5, 3};
constexpr std::array<int64_t, kStages> kStrides = {1, 2, 2, 2, 1, 2, 1};
constexpr std::array<size_t, 4> kSkips = {4, 2, 1, 0};  // stages whose outputs are the decoder blocks' skips
constexpr int64_t kExpansion = 6;

// A quarter of the block's input width, rounded to the nearest integer.
int64_t SqueezeWidth(int64_t in) { return (in + 2) / 4; }

class SqueezeExciteImpl : public torch::nn::Module {
 public:
  SqueezeExciteImpl(int64_t channels, int64_t squeeze)
      : conv_reduce_(register_module("conv_reduce", MakeConv(channels, squeeze, 1, 1, 1, true))),
        conv_expand_(register_module("conv_expand", MakeConv(squeeze, channels, 1, 1, 1, true))) {}
  Tensor forward(const Tensor& x) {
    const Tensor mean = x.mean({2, 3}, /*keepdim=*/true);
    return x * torch::sigmoid(conv_expand_(torch::silu(conv_reduce_(mean))));
  }

 private:
  torch::nn::Conv2d conv_reduce_, conv_expand_;
};
TORCH_MODULE(SqueezeExcite);

// Depthwise convolution, squeeze-and-excite, pointwise convolution.
class SeparableBlockImpl : public torch::nn::Module, public Foldable {
 public:
  SeparableBlockImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride)
      : residual_(stride == 1 && in == out),
        conv_dw_(register_module("conv_dw", MakeConv(in, in, kernel, stride, in, false))),
        bn1_(register_module("bn1", MakeNorm(in))),
        se_(register_module("se", SqueezeExcite(in, SqueezeWidth(in)))),
        conv_pw_(register_module("conv_pw", MakeConv(in, out, 1, 1, 1, false))),
        bn2_(register_module("bn2", MakeNorm(out))) {}
  Tensor forward(const Tensor& x) {
    Tensor y = se_(torch::silu(ConvThenNorm(conv_dw_, bn1_, x)));
    y = ConvThenNorm(conv_pw_, bn2_, y);
    return residual_ ? y + x : y;
  }
  void Fold() override {
    FoldNorm(conv_dw_, bn1_);
    FoldNorm(conv_pw_, bn2_);
  }

 private:
  bool residual_;
  torch::nn::Conv2d conv_dw_;
  torch::nn::BatchNorm2d bn1_;
  SqueezeExcite se_;
  torch::nn::Conv2d conv_pw_;
  torch::nn::BatchNorm2d bn2_;
};
TORCH_MODULE(SeparableBlock);

// Expanding convolution, depthwise convolution, squeeze-and-excite, projecting convolution.
class InvertedBlockImpl : public torch::nn::Module, public Foldable {
 public:
  InvertedBlockImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride)
      : residual_(stride == 1 && in == out),
        conv_pw_(register_module("conv_pw", MakeConv(in, in * kExpansion, 1, 1, 1, false))),
        bn1_(register_module("bn1", MakeNorm(in * kExpansion))),
        conv_dw_(register_module("conv_dw",
                                 MakeConv(in * kExpansion, in * kExpansion, kernel, stride, in * kExpansion, false))),
        bn2_(register_module("bn2", MakeNorm(in * kExpansion))),
        se_(register_module("se", SqueezeExcite(in * kExpansion, SqueezeWidth(in)))),
        conv_pwl_(register_module("conv_pwl", MakeConv(in * kExpansion, out, 1, 1, 1, false))),
        bn3_(register_module("bn3", MakeNorm(out))) {}
  Tensor forward(const Tensor& x) {
    Tensor y = torch::silu(ConvThenNorm(conv_pw_, bn1_, x));
    y = se_(torch::silu(ConvThenNorm(conv_dw_, bn2_, y)));
    y = ConvThenNorm(conv_pwl_, bn3_, y);
    return residual_ ? y + x : y;
  }
  void Fold() override {
    FoldNorm(conv_pw_, bn1_);
    FoldNorm(conv_dw_, bn2_);
    FoldNorm(conv_pwl_, bn3_);
  }

 private:
  bool residual_;
  torch::nn::Conv2d conv_pw_;
  torch::nn::BatchNorm2d bn1_;
  torch::nn::Conv2d conv_dw_;
  torch::nn::BatchNorm2d bn2_;
  SqueezeExcite se_;
  torch::nn::Conv2d conv_pwl_;
  torch::nn::BatchNorm2d bn3_;
};
TORCH_MODULE(InvertedBlock);

// Enlarges the map two times, concatenates the skip when there is one, and applies two convolutions.
class DecoderBlockImpl : public torch::nn::Module, public Foldable {
 public:
  DecoderBlockImpl(int64_t in, int64_t out) {
    const auto conv1 = AddGroup(*this, "conv1");
    conv1_ = conv1->register_module("0", MakeConv(in, out, 3, 1, 1, false));
    bn1_ = conv1->register_module("1", MakeNorm(out));
    const auto conv2 = AddGroup(*this, "conv2");
    conv2_ = conv2->register_module("0", MakeConv(out, out, 3, 1, 1, false));
    bn2_ = conv2->register_module("1", MakeNorm(out));
  }
  Tensor forward(const Tensor& coarse, const Tensor& skip) {
    namespace F = torch::nn::functional;
    const std::vector<int64_t> size = {coarse.size(2) * 2, coarse.size(3) * 2};
    Tensor x = F::interpolate(coarse, F::InterpolateFuncOptions().size(size).mode(torch::kNearest));
    if (skip.defined()) x = torch::cat({x, skip}, 1);
    x = torch::relu(ConvThenNorm(conv1_, bn1_, x));
    return torch::relu(ConvThenNorm(conv2_, bn2_, x));
  }
  void Fold() override {
    FoldNorm(conv1_, bn1_);
    FoldNorm(conv2_, bn2_);
  }

 private:
  torch::nn::Conv2d conv1_{nullptr}, conv2_{nullptr};
  torch::nn::BatchNorm2d bn1_{nullptr}, bn2_{nullptr};
};
TORCH_MODULE(DecoderBlock);

class SegNet final : public FrozenNet {
 public:
  explicit SegNet(const SegNetShape& shape) {
    const auto model = AddGroup(*AddGroup(*this, "encoder"), "model");
    conv_stem_ = model->register_module("conv_stem", MakeConv(3, shape.stem, 3, 2, 1, false));
    bn1_ = model->register_module("bn1", MakeNorm(shape.stem));
    const auto blocks = AddGroup(*model, "blocks");
    int64_t width = shape.stem;
    for (size_t stage = 0; stage < kStages; ++stage) {
      torch::nn::Sequential row;
      for (int64_t index = 0; index < shape.blocks[stage]; ++index) {
        const int64_t stride = index == 0 ? kStrides[stage] : 1;
        if (stage == 0) {
          row->push_back(SeparableBlock(width, shape.widths[stage], kKernels[stage], stride));
        } else {
          row->push_back(InvertedBlock(width, shape.widths[stage], kKernels[stage], stride));
        }
        width = shape.widths[stage];
      }
      stages_.push_back(blocks->register_module(std::to_string(stage), row));
    }
    const auto decoder = AddGroup(*AddGroup(*this, "decoder"), "blocks");
    for (size_t index = 0; index < shape.decoder.size(); ++index) {
      const int64_t skip = index < kSkips.size() ? shape.widths[kSkips[index]] : 0;
      const DecoderBlock block(width + skip, shape.decoder[index]);
      decoder_.push_back(decoder->register_module(std::to_string(index), block));
      width = shape.decoder[index];
    }
    head_ = AddGroup(*this, "segmentation_head")->register_module("0", MakeConv(width, shape.classes, 3, 1, 1, true));
  }

  Tensor Forward(Tensor input) override {
    Tensor x = torch::silu(ConvThenNorm(conv_stem_, bn1_, input));
    std::vector<Tensor> features;
    for (auto& stage : stages_) features.push_back(x = stage->forward(x));
    for (size_t index = 0; index < decoder_.size(); ++index) {
      x = decoder_[index](x, index < kSkips.size() ? features[kSkips[index]] : Tensor());
    }
    return head_(x);
  }

  void Fold() override {
    FoldNorm(conv_stem_, bn1_);
    FoldAll(*this);
  }

 private:
  torch::nn::Conv2d conv_stem_{nullptr};
  torch::nn::BatchNorm2d bn1_{nullptr};
  std::vector<torch::nn::Sequential> stages_;
  std::vector<DecoderBlock> decoder_;
  torch::nn::Conv2d head_{nullptr};
};

}  // namespace

std::shared_ptr<FrozenNet> CreateSegNet(const SegNetShape& shape) {
  auto net = std::make_shared<SegNet>(shape);
  Freeze(*net);
  return net;
}

Result<SegNetShape> ReadSegNetShape(const TensorFile& file) {
  SegNetShape shape;
  KIT_ASSIGN(shape.stem, ReadDimension(file, "encoder.model.conv_stem.weight", 4, 0));
  for (size_t stage = 0; stage < kStages; ++stage) {
    const std::string prefix = "encoder.model.blocks." + std::to_string(stage) + ".";
    const std::string projection = stage == 0 ? ".conv_pw.weight" : ".conv_pwl.weight";
    KIT_ASSIGN(shape.widths[stage], ReadDimension(file, prefix + "0" + projection, 4, 0));
    shape.blocks[stage] = CountModules(file, prefix);
  }
  for (size_t index = 0; index < shape.decoder.size(); ++index) {
    const std::string name = "decoder.blocks." + std::to_string(index) + ".conv2.0.weight";
    KIT_ASSIGN(shape.decoder[index], ReadDimension(file, name, 4, 0));
  }
  KIT_ASSIGN(shape.classes, ReadDimension(file, "segmentation_head.0.weight", 4, 0));
  return shape;
}

}  // namespace kitsink
