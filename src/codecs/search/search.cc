// Optimises frames with Adam so that the frozen nets see the archive's targets.

#include "codecs/search/search.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "kitsink/kernels.h"
#include "nets/nets_torch.h"
#include "train/pose_error.h"

namespace kitsink::search {
namespace {

// [N, H, W] float: 1 within `radius` of a class boundary, on both sides, else 0. At a boundary, a pixel's right or
// lower neighbour has another class.
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
  std::vector<PairCodes> codes;
};

Targets MakeTargets(std::span<const PairTarget> pairs, uint32_t band_radius, torch::Device device) {
  const int64_t count = static_cast<int64_t>(pairs.size());
  torch::Tensor maps = torch::empty({count, kModelGrid.height, kModelGrid.width}, torch::kUInt8);
  torch::Tensor poses = torch::empty({count, kPoseValues}, torch::kFloat);
  for (size_t i = 0; i < pairs.size(); ++i) {
    std::copy(pairs[i].class_map.begin(), pairs[i].class_map.end(), maps[static_cast<int64_t>(i)].data_ptr<uint8_t>());
    std::copy(pairs[i].pose.begin(), pairs[i].pose.end(), poses[static_cast<int64_t>(i)].data_ptr<float>());
  }
  Targets targets;
  targets.class_maps = maps.to(device).to(torch::kLong);
  targets.poses = poses.to(device);
  targets.band = BoundaryBand(targets.class_maps, band_radius);
  targets.band_size = targets.band.sum({1, 2}).clamp_min(1);
  for (const PairTarget& pair : pairs) targets.codes.push_back(pair.codes);
  return targets;
}

// For each pixel: how much of `margin` the target class lacks in its lead over the best other class; 0 for none.
torch::Tensor Hinge(const torch::Tensor& logits, const torch::Tensor& class_maps, double margin) {
  const torch::Tensor wanted = class_maps.unsqueeze(1);
  const torch::Tensor own = logits.gather(1, wanted).squeeze(1);
  const torch::Tensor other = std::get<0>(logits.scatter(1, wanted, -1e9).max(1));
  return torch::relu(other - own + margin);
}

// Adam on one tensor; pairs of a batch do not influence one another. The denominator is the gradient's usual size at
// the pixel plus its root mean square over the pair's frame. Plain Adam moves all pixels of a frame equally far, even
// those whose gradient is noise. With trained nets it leaves two to three times as many wrong pixels after the same
// number of steps.
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
    const torch::Tensor frame = (square_.mean({1, 2, 3}, true) / correction2).sqrt();
    const torch::Tensor scale = (square_ / correction2).sqrt_().add_(frame + 1e-12);
    variable.sub_(mean_ / scale * (learning_rate / correction1));
  }

  // Clears the momentum of the pairs that are 1 in `restart`.
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
    const torch::Tensor start = on_model_grid ? ResizeToModelGrid(frames) : frames;
    value_ = start.detach().clone(torch::MemoryFormat::ChannelsLast);  // the fastest layout for the nets
    value_.requires_grad_(true);
  }
  torch::Tensor& value() { return value_; }
  bool on_model_grid() const { return on_model_grid_; }
  // The nets' input, with gradients to the value.
  torch::Tensor Small() const { return on_model_grid_ ? value_.clamp(0, 255) : ResizeToModelGrid(RoundSte(value_)); }
  // Adds a selector's pattern to one pair, enlarged from its cells.
  void Perturb(int64_t pair, uint8_t code) {
    const StartPattern pattern = StartPatternOf(code);
    const torch::NoGradGuard no_grad;
    const torch::Tensor signs = torch::tensor(std::vector<float>(pattern.signs.begin(), pattern.signs.end()))
                                    .view({1, 3, pattern.rows, pattern.columns});
    const torch::Tensor wide = torch::upsample_nearest2d(signs, {value_.size(2), value_.size(3)});
    value_[pair].add_(wide[0].to(value_.device()), pattern.amplitude);
  }
  std::vector<Frame> Write(FrameSize size) const {
    return on_model_grid_ ? WriteSmall(value_, size) : TensorToFrames(value_);
  }

 private:
  bool on_model_grid_;
  torch::Tensor value_;
};

torch::Tensor ToTensor(const std::vector<FramePair>& pairs, Frame FramePair::*frame, torch::Device device) {
  std::vector<const Frame*> frames;
  for (const FramePair& pair : pairs) frames.push_back(&(pair.*frame));
  return FramesToTensor(frames, device);
}

// The frames of a batch while they are searched.
struct Search {
  Nets::Modules& modules;
  const SearchOptions& options;
  Targets targets;
  Variable f0, f1;
  torch::Tensor last_seg;  // [N], of the last forward pass on f1
  uint32_t steps_run = 0;
  std::vector<torch::Tensor> curve = {};  // terms of the best before each step

  // Distortion of the current frames, with gradients to the searched frame. When only the pose is asked for, SegNet
  // does not run and `logits` is undefined.
  struct Reading {
    torch::Tensor logits, outputs;
    torch::Tensor terms;  // [2, N]: seg and pose
    torch::Tensor score;  // [N]
  };
  Reading Read(const torch::Tensor& small_f0, const torch::Tensor& small_f1, bool with_seg) {
    Reading reading;
    reading.outputs = PoseOutputs(modules, small_f0, small_f1);
    if (with_seg) reading.logits = SegLogits(modules, small_f1);
    const torch::NoGradGuard no_grad;
    const torch::Tensor pose = (reading.outputs - targets.poses).square().mean(1);
    reading.score = (pose * 10).sqrt();
    torch::Tensor wrong = last_seg;
    if (with_seg) {
      wrong = reading.logits.argmax(1).ne(targets.class_maps).to(torch::kFloat).mean({1, 2});
      reading.score = reading.score + wrong * 100;
    }
    reading.terms = torch::stack({wrong, pose});
    return reading;
  }

  // Aim of a step: the target pose, and each pair's factors on the two weights.
  struct Aim {
    torch::Tensor pose;          // [N, 6]
    torch::Tensor pose_factors;  // [N]
    torch::Tensor seg_factors;   // [N]
  };

  torch::Tensor Loss(const Reading& reading, const Aim& aim) const {
    torch::Tensor loss = BentPoseError(reading.outputs, aim.pose) * aim.pose_factors * options.pose_weight;
    if (reading.logits.defined()) {
      const torch::Tensor hinge = Hinge(reading.logits, targets.class_maps, options.margin) * targets.band;
      loss = loss + hinge.sum({1, 2}) / targets.band_size * aim.seg_factors * options.seg_weight;
    }
    return loss.sum();
  }

  // The aim that the selector codes set for the search on f1, which began at pose `start`.
  Aim AimOf(const torch::Tensor& start, uint32_t step, uint32_t steps) const {
    std::vector<float> distance, pose, seg;
    for (const PairCodes& codes : targets.codes) {
      const LossFactors factors = LossFactorsOf(codes.loss_control, step, steps);
      distance.push_back(PoseFactorOf(codes.pose_factor));
      pose.push_back(static_cast<float>(factors.pose));
      seg.push_back(static_cast<float>(factors.seg));
    }
    const torch::Device device = targets.poses.device();
    const torch::Tensor factor = torch::tensor(distance).to(device).unsqueeze(1);
    // Factor 1 gives the target exactly, without rounding.
    return {torch::where(factor.eq(1), targets.poses, start + factor * (targets.poses - start)),
            torch::tensor(pose).to(device), torch::tensor(seg).to(device)};
  }

  Aim PlainAim() const {
    const torch::Tensor ones = torch::ones({targets.poses.size(0)}, targets.poses.options());
    return {targets.poses, ones, ones};
  }

  // Runs `steps` steps of Adam on one frame: on f1 for class map and pose, on f0 for the pose only. Each pair ends with
  // the values of its lowest score, the start included. A step's score comes from its own forward pass, so keeping the
  // best costs only one more pass in total. A pair that has not improved for kPatience steps returns to its best and
  // continues with half the step, so that one learning rate suits nets of very different smoothness.
  void Run(bool on_f0, uint32_t steps) {
    if (steps == 0) return;
    constexpr double kPatience = 5;
    // A written frame starts at integer grey levels, so a step of less than half a level is lost in rounding.
    constexpr double kCameraRate = 2;
    torch::Tensor value = (on_f0 ? f0 : f1).value();
    const torch::Tensor fixed = (on_f0 ? f1 : f0).Small().detach();
    const auto per_pair = [&](double number) {
      return torch::full({value.size(0), 1, 1, 1}, number, targets.poses.options());
    };
    Adam adam(value);
    torch::Tensor start;  // pose read before the first step
    torch::Tensor best = value.detach().clone();
    torch::Tensor best_score = per_pair(1e30);
    torch::Tensor best_terms;
    torch::Tensor learning_rate = per_pair(options.learning_rate * (f1.on_model_grid() ? 1 : kCameraRate));
    torch::Tensor waited = per_pair(0);
    for (uint32_t step = 0; step <= steps; ++step) {
      const bool last = step == steps || (options.stop && options.stop());
      const torch::AutoGradMode gradients(!last);
      const Reading reading = on_f0 ? Read(f0.Small(), fixed, false) : Read(fixed, f1.Small(), true);
      torch::Tensor gradient;
      if (step == 0) start = reading.outputs.detach();
      if (!last) {
        const Aim aim = on_f0 ? PlainAim() : AimOf(start, step, steps);
        gradient = torch::autograd::grad({Loss(reading, aim)}, {value})[0];
      }
      const torch::NoGradGuard no_grad;
      const torch::Tensor score = reading.score.view({-1, 1, 1, 1});
      const torch::Tensor better = score.lt(best_score);  // false for NaN
      best_score = torch::where(better, score, best_score);
      best = torch::where(better, value, best);
      best_terms = step == 0 ? reading.terms : torch::where(better.view({1, -1}), reading.terms, best_terms);
      if (last) break;
      ++steps_run;
      curve.push_back(best_terms);
      waited = torch::where(better, torch::zeros_like(waited), waited + 1);
      adam.Step(value, gradient, learning_rate);
      const torch::Tensor restart = waited.ge(kPatience);
      value.copy_(torch::where(restart, best, value));
      adam.Restart(restart.to(torch::kFloat));
      learning_rate = torch::where(restart, learning_rate / 2, learning_rate);
      waited = torch::where(restart, torch::zeros_like(waited), waited);
    }
    const torch::NoGradGuard no_grad;
    value.copy_(best);
    last_seg = best_terms[0];
  }
};

Observation AsObservation(const PairTarget& target) {
  return {std::vector<uint8_t>(target.class_map.begin(), target.class_map.end()), target.pose};
}

// The score's terms of one pair, so that a choice for a pair does not depend on other pairs.
double PairScore(const PairDistortion& distortion) {
  return DistortionTerms(double{distortion.seg}, double{distortion.pose});
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

// `terms`: [steps, 2].
std::vector<PairDistortion> CurveOf(const torch::Tensor& terms) {
  const torch::Tensor rows = terms.contiguous();
  const float* const values = rows.data_ptr<float>();
  std::vector<PairDistortion> curve;
  for (int64_t step = 0; step < rows.size(0); ++step) curve.push_back({values[2 * step], values[2 * step + 1]});
  return curve;
}

bool UseModelGrid(SearchGrid grid, FrameSize size) { return grid != SearchGrid::kCamera && HasPrivateTaps(size); }

}  // namespace

uint8_t& PairCodes::of(TailKind kind) {
  return kind == TailKind::kStartSeed ? start_seed : kind == TailKind::kPoseFactor ? pose_factor : loss_control;
}

PairCodes CodesOf(const SelectorTable& table, size_t pair) {
  PairCodes codes;
  for (const Tail& tail : table.tails) codes.of(tail.kind) = table.CodeOf(tail.kind, pair);
  return codes;
}

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
  std::vector<FramePair> searched(options.steps == 0 ? 0 : start.size());
  uint32_t steps_run = 0;
  torch::Tensor curve = torch::empty({0, 2, static_cast<int64_t>(start.size())});
  if (options.steps > 0) {
    std::vector<float> seg_before;
    for (const PairDistortion& pair : before) seg_before.push_back(pair.seg);
    KIT_ASSIGN(Nets::Modules* const folded, nets.FoldedModules());
    KIT_TRY(Guarded("search", [&]() -> Status {
      const torch::Device device = TorchDevice(nets.device());
      const bool on_model_grid = UseModelGrid(options.grid, size);
      Search search{*folded,
                    options,
                    MakeTargets(targets, options.band_radius, device),
                    Variable(ToTensor(start, &FramePair::f0, device), on_model_grid),
                    Variable(ToTensor(start, &FramePair::f1, device), on_model_grid),
                    torch::tensor(seg_before).to(device)};
      for (size_t i = 0; i < targets.size(); ++i) {
        if (targets[i].codes.start_seed > 0) {
          search.f1.Perturb(static_cast<int64_t>(i), targets[i].codes.start_seed);
        }
      }
      search.Run(/*on_f0=*/true, options.prepass_steps);
      search.Run(/*on_f0=*/false, options.steps);
      search.Run(/*on_f0=*/true, options.repair_steps);
      std::vector<Frame> f0 = search.f0.Write(size);
      std::vector<Frame> f1 = search.f1.Write(size);
      for (size_t i = 0; i < searched.size(); ++i) searched[i] = {std::move(f0[i]), std::move(f1[i])};
      steps_run = search.steps_run;
      if (steps_run > 0) curve = torch::stack(search.curve).cpu();
      return Ok();
    }));
  }
  std::vector<PairDistortion> after = before;
  if (!searched.empty()) {
    KIT_ASSIGN(after, Judge(searched, targets, nets));
  }
  std::vector<SearchedPair> result(start.size());
  for (size_t i = 0; i < start.size(); ++i) {
    const bool better = PairScore(after[i]) < PairScore(before[i]);
    result[i] = {std::move(better ? searched[i] : start[i]), before[i], better ? after[i] : before[i], steps_run,
                 CurveOf(curve.select(2, static_cast<int64_t>(i)))};
    result[i].curve.push_back(result[i].after);
  }
  return result;
}

}  // namespace kitsink::search
