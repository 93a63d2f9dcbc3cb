// Solves the carrier's coefficients of one pair on the frames that inflate writes.

#include "codecs/strict/pose_solver.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nets/nets_torch.h"

namespace kitsink::strict {
namespace {

using torch::Tensor;

constexpr size_t kBatch = 8;  // candidates that PoseNet reads at once

Coefficients Moved(const Coefficients& from, const Tensor& step, double length) {
  Coefficients moved = from;
  const double* const values = step.data_ptr<double>();
  for (size_t k = 0; k < moved.size(); ++k) {
    moved[k] = static_cast<int16_t>(std::clamp(std::nearbyint(from[k] + length * values[k]), -32000.0, 32000.0));
  }
  return moved;
}

void AddUnlessThere(Coefficients candidate, const Coefficients& start, std::vector<Coefficients>& candidates) {
  if (candidate == start || std::ranges::find(candidates, candidate) != candidates.end()) return;
  candidates.push_back(std::move(candidate));
}

}  // namespace

Tensor CubicWeights(int64_t source, int64_t target) {
  namespace F = torch::nn::functional;
  const Tensor eye = torch::eye(source).view({1, source, source, 1});
  return F::interpolate(eye, F::InterpolateFuncOptions()
                                 .size(std::vector<int64_t>{target, 1})
                                 .mode(torch::kBicubic)
                                 .align_corners(false))
      .view({source, target})
      .t()
      .contiguous();
}

Tensor AtomsOf(const CarrierPicture& picture, FrameSize grid) {
  const std::span<const double> atoms = picture.atoms();
  return torch::tensor(std::vector<double>(atoms.begin(), atoms.end()), torch::kDouble)
      .view({-1, grid.height, grid.width, 3})
      .permute({0, 3, 1, 2})
      .flatten(1)
      .contiguous();
}

PairSolver::PairSolver(const CarrierPicture& picture, FrameSize grid, const Frame& f1,
                       std::array<float, kPoseValues> target, uint8_t mode, Nets::Modules& modules)
    : picture_(picture), mode_(mode), modules_(modules), device_(TorchDevice(modules.device)) {
  const torch::NoGradGuard no_grad;
  const Frame* const frames[] = {&f1};
  small_f1_ = ResizeToModelGrid(FramesToTensor(frames, device_));
  target_ = torch::tensor(std::vector<double>(target.begin(), target.end()), torch::kDouble);
  atoms_ = AtomsOf(picture, grid);
  rows_ = CubicWeights(grid.height, kModelGrid.height).to(device_);
  columns_ = CubicWeights(grid.width, kModelGrid.width).to(device_);
}

std::vector<Frame> PairSolver::Render(std::span<const Coefficients> candidates) const {
  std::vector<Frame> frames;
  for (const Coefficients& candidate : candidates) {
    frames.push_back(picture_.Render(candidate, 1));
    ApplySelector(mode_, frames.back());
  }
  return frames;
}

std::vector<double> PairSolver::Errors(std::span<const Coefficients> candidates) const {
  std::vector<double> errors;
  for (size_t first = 0; first < candidates.size(); first += kBatch) {
    const auto batch = candidates.subspan(first, std::min(kBatch, candidates.size() - first));
    const std::vector<double> more = ErrorsOf(Render(batch));
    errors.insert(errors.end(), more.begin(), more.end());
  }
  return errors;
}

std::vector<double> PairSolver::ErrorsOf(std::span<const Frame> frames) const {
  const torch::NoGradGuard no_grad;
  std::vector<const Frame*> pointers;
  for (const Frame& frame : frames) pointers.push_back(&frame);
  const Tensor small_f0 = ResizeToModelGrid(FramesToTensor(pointers, device_));
  const Tensor read = PoseOutputs(modules_, small_f0, small_f1_.expand_as(small_f0)).to(torch::kCPU, torch::kDouble);
  const Tensor errors = (read - target_).square().mean(1).contiguous();
  return {errors.data_ptr<double>(), errors.data_ptr<double>() + errors.numel()};
}

uint8_t PairSolver::BestMode(SolvedPair& pair, double least_gain) const {
  constexpr uint8_t kModes = 8;
  std::vector<Frame> frames;
  for (uint8_t mode = 1; mode < kModes; ++mode) {
    frames.push_back(picture_.Render(pair.coefficients, 1));
    ApplySelector(mode, frames.back());
  }
  const std::vector<double> errors = ErrorsOf(frames);
  const auto best = std::ranges::min_element(errors);
  if (!(pair.error - *best > least_gain)) return 0;
  pair.error = *best;
  return static_cast<uint8_t>(best - errors.begin() + 1);
}

Linearisation PairSolver::Linearise(const Coefficients& at) const {
  const std::vector<Frame> frames = Render({&at, 1});
  const Frame* const pointers[] = {&frames[0]};
  // The Jacobian passes over the two roundings, and over the enlargement to the frame and the nets' resize, which all
  // but cancel on a picture as smooth as the carrier's.
  const Tensor small_f0 = ResizeToModelGrid(FramesToTensor(pointers, device_)).requires_grad_(true);
  const Tensor read = PoseOutputs(modules_, small_f0, small_f1_)[0];
  std::vector<Tensor> gradients;
  for (int64_t i = 0; i < int64_t{kPoseValues}; ++i) {
    gradients.push_back(torch::autograd::grad({read[i]}, {small_f0}, {}, /*retain_graph=*/true)[0][0]);
  }
  const torch::NoGradGuard no_grad;
  const Tensor clipped = small_f0[0].le(0).logical_or(small_f0[0].ge(255));
  const Tensor open = torch::stack(gradients).masked_fill(clipped, 0);  // [6, 3, H, W]
  const Tensor jacobian = torch::matmul(torch::matmul(rows_.t(), open), columns_);
  return {read.detach().to(torch::kCPU, torch::kDouble) - target_, jacobian.flatten(1).to(torch::kCPU, torch::kDouble)};
}

Tensor PairSolver::Steps(const Linearisation& linear) const {
  // A picture moves the speed some hundred times more than the other outputs. Damping by shares of the largest diagonal
  // element leaves their small errors for the last steps; damping each output by its own share lost, because meeting
  // all outputs at once takes steps beyond what is linear.
  constexpr double kRidge = 1e-6;
  constexpr double kDampings[] = {1e-1, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-9};
  const Tensor by_codes = linear.jacobian.mm(atoms_.t());  // [6, A]
  Tensor gram = atoms_.mm(atoms_.t());
  gram = gram + torch::eye(gram.size(0), torch::kDouble) * (kRidge * gram.diagonal().mean() + 1e-30);
  const Tensor back = torch::linalg_solve(gram, by_codes.t());  // [A, 6]
  const Tensor normal = by_codes.mm(back);
  std::vector<Tensor> steps;
  for (const double damping : kDampings) {
    const Tensor damped =
        normal + torch::eye(normal.size(0), torch::kDouble) * (damping * normal.diagonal().max() + 1e-30);
    steps.push_back(-back.mm(torch::linalg_solve(damped, linear.residual.unsqueeze(1))).flatten());
  }
  return torch::stack(steps);
}

bool PairSolver::TakeBest(std::span<const Coefficients> candidates, SolvedPair& best) const {
  const std::vector<double> errors = Errors(candidates);
  bool better = false;
  for (size_t i = 0; i < errors.size(); ++i) {
    if (!(errors[i] < best.error)) continue;
    best = {candidates[i], errors[i]};
    better = true;
  }
  return better;
}

SolvedPair PairSolver::Solve(const Coefficients& start, const PairSolveOptions& options) const {
  constexpr double kLengths[] = {1, 0.3};
  SolvedPair best{start, Errors({&start, 1})[0]};
  for (int i = 0; i < options.iterations; ++i) {
    const Tensor steps = Steps(Linearise(best.coefficients));
    std::vector<Coefficients> candidates;
    for (int64_t k = 0; k < steps.size(0); ++k) {
      for (const double length : kLengths) {
        AddUnlessThere(Moved(best.coefficients, steps[k], length), best.coefficients, candidates);
      }
    }
    if (candidates.empty() || !TakeBest(candidates, best)) break;
  }
  for (int i = 0; i < options.polish; ++i) {
    std::vector<Coefficients> candidates;
    for (size_t k = 0; k < start.size(); ++k) {
      for (const int move : {-2, -1, 1, 2}) {
        Coefficients moved = best.coefficients;
        moved[k] = static_cast<int16_t>(std::clamp(moved[k] + move, -32000, 32000));
        candidates.push_back(std::move(moved));
      }
    }
    if (!TakeBest(candidates, best)) break;
  }
  return best;
}

}  // namespace kitsink::strict
