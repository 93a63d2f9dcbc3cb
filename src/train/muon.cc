// Takes steps of the optimiser Muon.

#include "train/muon.h"

#include <algorithm>
#include <cmath>

namespace kitsink {

torch::Tensor Orthogonalised(const torch::Tensor& matrix) {
  // The coefficients of the quintic are the published ones: steep at 0, and near 1 after five iterations.
  constexpr double kFirst = 3.4445, kThird = -4.7750, kFifth = 2.0315;
  torch::Tensor x = matrix.reshape({matrix.size(0), -1});
  const bool tall = x.size(0) > x.size(1);
  if (tall) x = x.t();
  x = x / (x.norm() + 1e-7);
  for (int i = 0; i < 5; ++i) {
    const torch::Tensor gram = x.mm(x.t());
    x = kFirst * x + (kThird * gram + kFifth * gram.mm(gram)).mm(x);
  }
  return (tall ? x.t() : x).reshape(matrix.sizes());
}

void MuonStep(torch::Tensor value, torch::Tensor momentum, double rate, double beta) {
  const torch::Tensor gradient = value.grad();
  if (!gradient.defined()) return;
  momentum.mul_(beta).add_(gradient);
  const torch::Tensor step = Orthogonalised(gradient + beta * momentum);
  const double rows = static_cast<double>(value.size(0));
  const double columns = static_cast<double>(value.numel()) / rows;
  value.sub_(step, rate * std::sqrt(std::max(1.0, rows / columns)));
}

}  // namespace kitsink
