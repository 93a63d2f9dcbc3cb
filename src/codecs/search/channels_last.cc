// Computes 1 x 1 convolutions and group norms without leaving channels last.

#include "codecs/search/channels_last.h"

namespace kitsink::search {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct GroupNormFunction : torch::autograd::Function<GroupNormFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, int64_t groups, const Tensor& weight,
                        const Tensor& bias, double epsilon) {
    const int64_t pixels = x.size(2) * x.size(3);
    // LibTorch's kernels of other devices read planes alone.
    const Tensor read = x.is_cpu() ? x.contiguous(torch::MemoryFormat::ChannelsLast) : x.contiguous();
    const auto [y, mean, rstd] =
        torch::native_group_norm(read, weight, bias, x.size(0), x.size(1), pixels, groups, epsilon);
    context->save_for_backward({x, weight, mean, rstd});
    return y;
  }

  // With x' = (x - mean) * rstd, g the gradient of y, w the weight and means over each group:
  // gradient of x = rstd * (w g - mean(w g) - x' mean(w g x')).
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &rstd = saved[3];  // the last two: [N, groups]
    const Tensor& g = gradients[0];
    const int64_t count = x.size(0), groups = mean.size(1), in_group = x.size(1) / groups;
    const double share = 1.0 / static_cast<double>(in_group * x.size(2) * x.size(3));
    const auto of_channels = [&](const Tensor& values) { return values.repeat_interleave(in_group, 1); };
    const auto weighted = [&](const Tensor& values) {
      return (values * weight).view({count, groups, in_group}).sum(2);
    };
    const auto planes = [](const Tensor& values) { return values.unsqueeze(2).unsqueeze(3); };
    const Tensor sum = g.sum({2, 3}), product = (g * x).sum({2, 3});  // [N, C]
    const Tensor sums = weighted(sum), slope = (sums * mean - weighted(product)) * rstd.pow(3) * share;
    const Tensor offset = -slope * mean - sums * rstd * share;
    const Tensor of_x = torch::addcmul(planes(of_channels(offset)), g, planes(of_channels(rstd) * weight))
                            .addcmul_(x, planes(of_channels(slope)));
    const Tensor of_weight = ((product - sum * of_channels(mean)) * of_channels(rstd)).sum(0);
    return {of_x, Tensor(), of_weight, sum.sum(0), Tensor()};
  }
};

}  // namespace

Tensor PointwiseConv(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  // Of one tap, a dilation changes nothing. But with one, LibTorch takes oneDNN also on a single thread.
  const int64_t dilation = x.is_cpu() ? 2 : 1;
  return torch::convolution(x, weight, bias, {1, 1}, {0, 0}, {dilation, dilation}, /*transposed=*/false, {0, 0}, 1);
}

Tensor GroupNorm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double epsilon) {
  return GroupNormFunction::apply(x, groups, weight, bias, epsilon);
}

}  // namespace kitsink::search
