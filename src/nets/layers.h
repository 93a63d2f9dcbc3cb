#pragma once
// Layers that SegNet and PoseNet share: a convolution with its batch norm, and how the two are merged.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace kitsink {

constexpr double kBatchNormEps = 1e-5;

// Modules whose batch norms can be merged into convolutions.
class Foldable {
 public:
  virtual ~Foldable() = default;
  virtual void Fold() = 0;
};

inline void FoldAll(torch::nn::Module& module) {
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* foldable = dynamic_cast<Foldable*>(child.get())) foldable->Fold();
  }
}

// A square convolution with padding k / 2.
inline torch::nn::Conv2d MakeConv(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t groups, bool bias) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).groups(groups).bias(bias));
}

inline torch::nn::BatchNorm2d MakeNorm(int64_t channels) {
  return torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(channels).eps(kBatchNormEps));
}

// Adds a child that only groups others, for keys such as "encoder.model.".
inline std::shared_ptr<torch::nn::Module> AddGroup(torch::nn::Module& parent, const std::string& name) {
  return parent.register_module(name, std::make_shared<torch::nn::Module>(name));
}

// A batch norm in inference mode as y = scale * x + shift per channel, in double.
struct Affine {
  torch::Tensor scale, shift;
};

inline Affine NormAsAffine(const torch::nn::BatchNorm2d& norm) {
  const torch::Tensor scale =
      norm->weight.to(torch::kFloat64) / torch::sqrt(norm->running_var.to(torch::kFloat64) + norm->options.eps());
  return {scale, norm->bias.to(torch::kFloat64) - norm->running_mean.to(torch::kFloat64) * scale};
}

// norm(conv(x)), or conv(x) once the norm has been folded into the convolution.
inline torch::Tensor ConvThenNorm(torch::nn::Conv2d& conv, torch::nn::BatchNorm2d& norm, const torch::Tensor& x) {
  const torch::Tensor y = conv->forward(x);
  return norm.is_empty() ? y : norm->forward(y);
}

inline void FoldNorm(torch::nn::Conv2d& conv, torch::nn::BatchNorm2d& norm) {
  if (norm.is_empty()) return;
  const torch::NoGradGuard no_grad;
  const Affine affine = NormAsAffine(norm);
  conv->weight.set_data((conv->weight.to(torch::kFloat64) * affine.scale.view({-1, 1, 1, 1})).to(torch::kFloat32));
  conv->bias = affine.shift.to(torch::kFloat32);
  norm = nullptr;
}

// A convolution and its norm under the keys `conv` and `bn`.
class ConvNormImpl : public torch::nn::Module {
 public:
  ConvNormImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t groups)
      : conv(register_module("conv", MakeConv(in, out, kernel, stride, groups, /*bias=*/false))),
        bn(register_module("bn", MakeNorm(out))) {}
  torch::Tensor forward(const torch::Tensor& x) { return ConvThenNorm(conv, bn, x); }

  torch::nn::Conv2d conv;
  torch::nn::BatchNorm2d bn;
};
TORCH_MODULE(ConvNorm);

}  // namespace kitsink
