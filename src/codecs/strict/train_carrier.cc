// Trains atoms and coefficients by Adam through PoseNet.

#include "codecs/strict/train_carrier.h"

#include <vector>

#include "codecs/strict/pose_solver.h"
#include "train/pose_error.h"
#include "train/straight_through.h"

namespace kitsink::strict {
namespace {

using torch::Tensor;

constexpr double kCoefficientRate = 1.0 / 30;  // over an atom's

}  // namespace

Tensor RoundToCodes(const Tensor& atoms, int largest_code) {
  const Tensor step = std::get<0>(atoms.abs().max(1, /*keepdim=*/true)).clamp_min(1e-30) / largest_code;
  return (atoms / step).round() * step;
}

Result<RealCarrier> TrainCarrier(const RealCarrier& start, const CarrierTraining& training, const PoseViews& view,
                                 Nets::Modules& modules, const Checkpoint& checkpoint, Progress& progress) {
  const torch::Device device = TorchDevice(modules.device);
  const Tensor rows = CubicWeights(training.grid.height, kModelGrid.height).to(device);
  const Tensor columns = CubicWeights(training.grid.width, kModelGrid.width).to(device).t();
  const Tensor atoms = start.atoms.to(device, torch::kFloat32).clone().requires_grad_(true);
  // A leaf for each pair: the optimiser passes over those that a step does not use.
  std::vector<Tensor> coefficients;
  for (int64_t i = 0; i < start.coefficients.size(0); ++i) {
    const Tensor scaled = start.coefficients[i].to(device, torch::kFloat32) / kCoefficientRate;
    coefficients.push_back(scaled.clone().requires_grad_(training.train_coefficients));
  }
  Trainable trainable{{{{atoms}}}, {}};
  if (training.train_coefficients) trainable.groups.push_back({coefficients});

  TrainHooks hooks;
  hooks.loss = [&](int64_t step, int64_t) {
    const size_t pair = static_cast<size_t>(step) % coefficients.size();
    const PoseView seen = view(pair);
    const Tensor used = training.largest_code == 0
                            ? atoms
                            : StraightThrough(atoms, RoundToCodes(atoms.detach(), training.largest_code));
    const Tensor pictures = used - used.mean(1, /*keepdim=*/true);
    const Tensor field = (kCoefficientRate * coefficients[pair]).unsqueeze(0).mm(pictures);
    const Tensor small_f0 =
        torch::matmul(torch::matmul(rows, field.view({1, 3, training.grid.height, training.grid.width})), columns);
    const Tensor read = PoseOutputs(modules, (small_f0 + training.grey).clamp(0, 255), seen.small_f1);
    return BentPoseError(read, seen.target.to(device).unsqueeze(0)).mean();
  };
  TrainOptions options;
  options.stage = training.stage;
  options.steps = training.steps;
  options.schedule.peak = training.rate;
  options.schedule.floor = 0.01;
  options.optimiser = OptimiserKind::kAdam;
  options.beta2 = 0.99;
  KIT_ASSIGN(const TrainResult trained, Train(trainable, options, hooks, checkpoint, progress));
  RealCarrier result{trained.best[0], start.coefficients};
  if (training.train_coefficients) {
    const std::vector<Tensor> rows_of_pairs(trained.best.begin() + 1, trained.best.end());
    result.coefficients = torch::stack(rows_of_pairs) * kCoefficientRate;
  }
  result.atoms = result.atoms.detach().cpu();
  result.coefficients = result.coefficients.detach().cpu();
  return result;
}

}  // namespace kitsink::strict
