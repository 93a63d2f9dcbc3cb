#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "kitsink/refine.h"
#include "nets/nets_torch.h"
#include "nets/preimage.h"

namespace kitsink {
namespace {

// Slope of sqrt(10 * pose) at pose = 1e-4, where searches end: what one unit of a pair's pose error costs next to
// 100 per unit of its seg error. Fixed, so that a pair's choices do not depend on its neighbours.
constexpr double kPoseSlope = 158.1;

// [N, H, W] float: 1 where the margin is asked for, within `radius` of a pixel whose right or lower neighbour has
// another class (both sides count).
torch::Tensor BoundaryBand(const torch::Tensor& class_maps, int64_t radius) {
  const int64_t height = class_maps.size(1);
  const int64_t width = class_maps.size(2);
  torch::Tensor edge = torch::zeros(class_maps.sizes(), class_maps.options().dtype(torch::kFloat));
  const torch::Tensor across = class_maps.slice(2, 1).ne(class_maps.slice(2, 0, width - 1)).to(torch::kFloat);
  const torch::Tensor down = class_maps.slice(1, 1).ne(class_maps.slice(1, 0, height - 1)).to(torch::kFloat);
  edge.slice(2, 1).add_(across);
  edge.slice(2, 0, width - 1).add_(across);
  edge.slice(1, 1).add_(down);
  edge.slice(1, 0, height - 1).add_(down);
  const torch::Tensor dilated =
      torch::max_pool2d(edge.unsqueeze(1), {2 * radius + 1, 2 * radius + 1}, {1, 1}, {radius, radius}).squeeze(1);
  return dilated.gt(0).to(torch::kFloat);
}

struct Targets {
  torch::Tensor class_maps;  // [N, H, W] int64
  torch::Tensor poses;       // [N, 6]
  torch::Tensor band;        // [N, H, W]
  torch::Tensor band_size;   // [N], at least 1
};

Targets MakeTargets(std::span<const PairTarget> pairs, uint32_t band_radius, torch::Device device) {
  const int64_t count = static_cast<int64_t>(pairs.size());
  torch::Tensor maps = torch::empty({count, kModelGrid.height, kModelGrid.width}, torch::kUInt8);
  torch::Tensor poses = torch::empty({count, 6}, torch::kFloat);
  for (size_t i = 0; i < pairs.size(); ++i) {
    std::copy(pairs[i].class_map.begin(), pairs[i].class_map.end(), maps[static_cast<int64_t>(i)].data_ptr<uint8_t>());
    std::copy(pairs[i].pose.begin(), pairs[i].pose.end(), poses[static_cast<int64_t>(i)].data_ptr<float>());
  }
  Targets targets;
  targets.class_maps = maps.to(device).to(torch::kLong);
  targets.poses = poses.to(device);
  targets.band = BoundaryBand(targets.class_maps, band_radius);
  targets.band_size = targets.band.sum({1, 2}).clamp_min(1);
  return targets;
}

// Per pixel: by how much the best other class comes within `margin` of the wanted one.
torch::Tensor Hinge(const torch::Tensor& logits, const torch::Tensor& class_maps, double margin) {
  const torch::Tensor wanted = class_maps.unsqueeze(1);
  const torch::Tensor own = logits.gather(1, wanted).squeeze(1);
  const torch::Tensor other = std::get<0>(logits.scatter(1, wanted, -1e9).max(1));
  return torch::relu(other - own + margin);
}

// Adam on one tensor, all of it elementwise, so that pairs of a batch do not touch one another.
class Adam {
 public:
  explicit Adam(const torch::Tensor& variable)
      : mean_(torch::zeros_like(variable)), square_(torch::zeros_like(variable)) {}

  // `learning_rate` is one value per pair, shaped to broadcast.
  void Step(torch::Tensor variable, const torch::Tensor& gradient, const torch::Tensor& learning_rate) {
    constexpr double kBeta1 = 0.9;
    constexpr double kBeta2 = 0.999;
    const torch::NoGradGuard no_grad;
    ++step_;
    mean_.mul_(kBeta1).add_(gradient, 1 - kBeta1);
    square_.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    const double correction1 = 1 - std::pow(kBeta1, step_);
    const double correction2 = 1 - std::pow(kBeta2, step_);
    const torch::Tensor scale = (square_ / correction2).sqrt_().add_(1e-8);
    variable.sub_(mean_ / scale * (learning_rate / correction1));
  }

  // Forgets the direction of the pairs that are 1 in `restart`.
  void Restart(const torch::Tensor& restart) { mean_.mul_(1 - restart); }

 private:
  torch::Tensor mean_;
  torch::Tensor square_;
  int step_ = 0;
};

// The searched frame on one of the two grids.
class Variable {
 public:
  Variable(const torch::Tensor& frames, bool on_model_grid) : on_model_grid_(on_model_grid) {
    value_ = (on_model_grid ? ResizeToModelGrid(frames) : frames).detach().clone().contiguous();
    value_.requires_grad_(true);
  }
  torch::Tensor& value() { return value_; }
  // What the nets read, with gradients to the value.
  torch::Tensor Small() const { return on_model_grid_ ? value_.clamp(0, 255) : ResizeToModelGrid(RoundSte(value_)); }

 private:
  bool on_model_grid_;
  torch::Tensor value_;
};

torch::Tensor ToTensor(const std::vector<FramePair>& pairs, Frame FramePair::*frame, torch::Device device) {
  std::vector<const Frame*> frames;
  for (const FramePair& pair : pairs) frames.push_back(&(pair.*frame));
  return FramesToTensor(frames, device);
}

// The values of the variable with the lowest marginal score per pair over the whole search. The score of a step is
// read off its own forward pass, before the update, so keeping the best costs no extra passes but the last. A pair
// that has not improved for kPatience steps goes back to its best and on with half the step, so that one learning
// rate serves nets of very different smoothness.
torch::Tensor SearchF1(Nets::Modules& modules, const torch::Tensor& small_f0, Variable& variable,
                       const Targets& targets, const SearchOptions& options) {
  constexpr double kPatience = 5;
  const double pixels = static_cast<double>(targets.class_maps[0].numel());
  const int64_t count = targets.poses.size(0);
  const auto per_pair = [&](double value) { return torch::full({count, 1, 1, 1}, value, targets.poses.options()); };
  Adam adam(variable.value());
  torch::Tensor best = variable.value().detach().clone();
  torch::Tensor best_score = per_pair(1e30);
  torch::Tensor learning_rate = per_pair(options.learning_rate);
  torch::Tensor waited = per_pair(0);
  for (uint32_t step = 0; step <= options.steps; ++step) {
    const bool last = step == options.steps;
    const torch::AutoGradMode gradients(!last);
    const torch::Tensor small_f1 = variable.Small();
    const torch::Tensor logits = SegLogits(modules, small_f1);
    const torch::Tensor pose = (PoseOutputs(modules, small_f0, small_f1) - targets.poses).square().mean(1);
    torch::Tensor better;
    {
      const torch::NoGradGuard no_grad;
      const torch::Tensor wrong = logits.argmax(1).ne(targets.class_maps).to(torch::kFloat).sum({1, 2});
      const torch::Tensor score = (wrong * (100.0 / pixels) + pose * kPoseSlope).view({-1, 1, 1, 1});
      better = score.lt(best_score);  // false for NaN
      best_score = torch::where(better, score, best_score);
      best = torch::where(better, variable.value(), best);
      waited = torch::where(better, torch::zeros_like(waited), waited + 1);
    }
    if (last) break;
    const torch::Tensor hinge =
        (Hinge(logits, targets.class_maps, options.margin) * targets.band).sum({1, 2}) / targets.band_size;
    const torch::Tensor loss = (hinge * options.seg_weight + pose * options.pose_weight).sum();
    const torch::Tensor gradient = torch::autograd::grad({loss}, {variable.value()})[0];
    adam.Step(variable.value(), gradient, learning_rate);
    {
      const torch::NoGradGuard no_grad;
      const torch::Tensor restart = waited.ge(kPatience);
      variable.value().copy_(torch::where(restart, best, variable.value()));
      adam.Restart(restart.to(torch::kFloat));
      learning_rate = torch::where(restart, learning_rate / 2, learning_rate);
      waited = torch::where(restart, torch::zeros_like(waited), waited);
    }
  }
  return best;
}

Observation AsObservation(const PairTarget& target) {
  return {std::vector<uint8_t>(target.class_map.begin(), target.class_map.end()), target.pose};
}

double MarginalScore(const PairDistortion& distortion) {
  return 100 * static_cast<double>(distortion.seg) + kPoseSlope * static_cast<double>(distortion.pose);
}

Result<std::vector<PairDistortion>> Judge(const std::vector<FramePair>& pairs, std::span<const PairTarget> targets,
                                          Nets& nets) {
  KIT_ASSIGN(const std::vector<Observation> observations, nets.Observe(pairs));
  std::vector<PairDistortion> distortions;
  for (size_t i = 0; i < pairs.size(); ++i) {
    distortions.push_back(ComparePair(AsObservation(targets[i]), observations[i]));
  }
  return distortions;
}

bool UseModelGrid(SearchGrid grid, FrameSize size) { return grid != SearchGrid::kCamera && HasPrivateTaps(size); }

}  // namespace

Result<std::vector<SearchedPair>> SearchFrames(std::vector<FramePair> start, std::span<const PairTarget> targets,
                                               Nets& nets, const SearchOptions& options) {
  KIT_CHECK(start.size() == targets.size() && !start.empty());
  const FrameSize size = start[0].f1.size;
  if (options.grid == SearchGrid::kModel && !HasPrivateTaps(size)) {
    return Error{Code::kInvalidArgument, "search: frames of " + std::to_string(size.width) + " x " +
                                             std::to_string(size.height) +
                                             " are too small for the model grid, expected 1024 x 768 or more"};
  }
  KIT_ASSIGN(const std::vector<PairDistortion> before, Judge(start, targets, nets));
  std::vector<SearchedPair> result(start.size());
  for (size_t i = 0; i < start.size(); ++i) result[i] = {std::move(start[i]), before[i], before[i]};
  if (options.steps == 0) return result;

  std::vector<FramePair> searched;
  for (const SearchedPair& pair : result) searched.push_back(pair.frames);
  KIT_TRY(Guarded("search", [&]() -> Status {
    const torch::Device device = TorchDevice(nets.device());
    const bool on_model_grid = UseModelGrid(options.grid, size);
    const Targets wanted = MakeTargets(targets, options.band_radius, device);
    torch::Tensor small_f0;
    {
      const torch::NoGradGuard no_grad;
      small_f0 = ResizeToModelGrid(ToTensor(searched, &FramePair::f0, device));
    }
    Variable variable(ToTensor(searched, &FramePair::f1, device), on_model_grid);
    const torch::Tensor best = SearchF1(nets.modules(), small_f0, variable, wanted, options);
    std::vector<Frame> written = on_model_grid ? WriteSmall(best, size) : TensorToFrames(best);
    for (size_t i = 0; i < searched.size(); ++i) searched[i].f1 = std::move(written[i]);
    return Ok();
  }));
  KIT_ASSIGN(const std::vector<PairDistortion> after, Judge(searched, targets, nets));
  for (size_t i = 0; i < result.size(); ++i) {
    if (MarginalScore(after[i]) >= MarginalScore(before[i])) continue;
    result[i].frames = std::move(searched[i]);
    result[i].after = after[i];
  }
  return result;
}

}  // namespace kitsink
