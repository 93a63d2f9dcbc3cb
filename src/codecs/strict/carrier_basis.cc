// Computes the carrier's basis from the Jacobians of all pairs.

#include "codecs/strict/carrier_basis.h"

#include <algorithm>
#include <cmath>

namespace kitsink::strict {
namespace {

using torch::Tensor;

// All pairs' Jacobians below each other, [6 * pairs, 3 * grid].
Tensor Stacked(std::span<const Linearisation> pairs) {
  std::vector<Tensor> jacobians;
  for (const Linearisation& pair : pairs) jacobians.push_back(pair.jacobian);
  return torch::cat(jacobians);
}

}  // namespace

Tensor LeadingDirections(std::span<const Linearisation> pairs, int64_t num_atoms) {
  Tensor rows = Stacked(pairs);
  rows = rows - rows.mean(1, /*keepdim=*/true);  // atoms have no mean
  rows = rows / rows.norm(2, 1, /*keepdim=*/true).clamp_min(1e-30);
  const Tensor directions = std::get<2>(torch::linalg_svd(rows, /*full_matrices=*/rows.size(0) < num_atoms));
  return directions.slice(0, 0, num_atoms).contiguous();
}

Tensor BasisStep(std::span<const Linearisation> pairs, const Tensor& coefficients, double damping) {
  const int64_t outputs = pairs[0].residual.size(0);
  const Tensor jacobians = Stacked(pairs);
  std::vector<Tensor> residuals;
  for (const Linearisation& pair : pairs) residuals.push_back(pair.residual);
  // Atoms whose codes are large change less. The least change comes from the dual system, one unknown for each output
  // of each pair.
  const Tensor sizes = coefficients.square().mean(0).sqrt().clamp_min(1.0);  // [A]
  const Tensor shares = coefficients / sizes;                                // [N, A]
  const Tensor likeness = shares.mm(shares.t()).repeat_interleave(outputs, 0).repeat_interleave(outputs, 1);
  Tensor kernel = likeness * jacobians.mm(jacobians.t());
  kernel = kernel + torch::eye(kernel.size(0), torch::kDouble) * (damping * kernel.diagonal().max() + 1e-30);
  const Tensor multipliers = torch::linalg_solve(kernel, -torch::cat(residuals).unsqueeze(1));      // [6 N, 1]
  const Tensor pictures = (multipliers * jacobians).view({-1, outputs, jacobians.size(1)}).sum(1);  // [N, 3 * grid]
  return shares.t().mm(pictures) / sizes.unsqueeze(1);
}

void SetBasis(const Tensor& atoms, int largest_code, Carrier& carrier) {
  const Tensor largest = std::get<0>(atoms.abs().max(1, /*keepdim=*/true)).clamp_min(1e-30);
  const Tensor codes = (atoms / largest * largest_code).round().to(torch::kInt8).flatten().contiguous();
  carrier.basis.assign(codes.data_ptr<int8_t>(), codes.data_ptr<int8_t>() + codes.numel());
  std::ranges::fill(carrier.basis_scales, 1.0F);
}

void ScaleCoefficients(std::span<const Linearisation> pairs, const Tensor& atoms, double pose_step, Carrier& carrier) {
  constexpr double kLeastFactor = 1.0 / 32, kMostFactor = 32;
  const Tensor by_codes = Stacked(pairs).mm(atoms.t());  // [6 N, A]
  const auto outputs = static_cast<double>(pairs[0].residual.size(0));
  const Tensor moves = (by_codes.square().mean(0) * outputs).sqrt();
  for (size_t k = 0; k < carrier.num_atoms; ++k) {
    const double move = std::max(moves[static_cast<int64_t>(k)].item<double>(), 1e-12);
    const double factor = std::clamp(std::exp2(std::nearbyint(std::log2(pose_step / move))), kLeastFactor, kMostFactor);
    carrier.coefficient_scales[k] *= static_cast<float>(factor);
  }
}

}  // namespace kitsink::strict
