// Solves the carrier's coefficients of one pair on the frames that inflate writes.

#include "codecs/strict/pose_solver.h"

#include <algorithm>
#include <cmath>
#include <numeric>
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

std::vector<double> MeanSquares(const Tensor& residuals) {
  const Tensor errors = residuals.square().mean(1).contiguous();
  return {errors.data_ptr<double>(), errors.data_ptr<double>() + errors.numel()};
}

// The step that removes a residual [6] under the Jacobian [6, terms], where `back` = G^-1 J^T and G measures a step.
Tensor DampedStep(const Tensor& jacobian, const Tensor& back, const Tensor& residual, double damping) {
  const Tensor normal = jacobian.mm(back);
  const Tensor damped =
      normal + torch::eye(normal.size(0), torch::kDouble) * (damping * normal.diagonal().max() + 1e-30);
  return -back.mm(torch::linalg_solve(damped, residual.unsqueeze(1))).flatten();
}

// Several of them, [steps, terms].
Tensor DampedSteps(const Tensor& jacobian, const Tensor& back, const Tensor& residual) {
  // One output, the speed, moves some hundred times more than the others. Damping by shares of the largest diagonal
  // element leaves their small errors for the last steps; damping each output by its own share lost, because meeting
  // all outputs at once takes steps beyond what is linear.
  constexpr double kDampings[] = {1e-1, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-9};
  std::vector<Tensor> steps;
  for (const double damping : kDampings) steps.push_back(DampedStep(jacobian, back, residual, damping));
  return torch::stack(steps);
}

// The steps [steps, terms] at two lengths, from here.
std::vector<Coefficients> After(const Tensor& steps, const Coefficients& at) {
  constexpr double kLengths[] = {1, 0.3};
  std::vector<Coefficients> candidates;
  for (int64_t k = 0; k < steps.size(0); ++k) {
    for (const double length : kLengths) AddUnlessThere(Moved(at, steps[k], length), at, candidates);
  }
  return candidates;
}

}  // namespace

void PackLinearisation(const Linearisation& linear, ByteWriter& writer) {
  for (const Tensor& tensor : {linear.residual, linear.jacobian}) {
    const Tensor values = tensor.to(torch::kFloat32).contiguous();
    for (int64_t i = 0; i < values.numel(); ++i) writer.F32(values.data_ptr<float>()[i]);
  }
}

Linearisation UnpackLinearisation(ByteReader& reader, int64_t grid) {
  const auto read = [&reader](int64_t count) {
    Tensor values = torch::empty({count}, torch::kDouble);
    for (int64_t i = 0; i < count; ++i) values.data_ptr<double>()[i] = reader.F32();
    return values;
  };
  Tensor residual = read(kPoseValues);
  return {std::move(residual), read(int64_t{kPoseValues} * grid).view({kPoseValues, grid})};
}

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

PairSolver::PairSolver(const Frame& f1, std::array<float, kPoseValues> target, uint8_t mode, Nets::Modules& modules)
    : modules_(modules), device_(TorchDevice(modules.device)), mode_(mode) {
  const torch::NoGradGuard no_grad;
  const Frame* const frames[] = {&f1};
  small_f1_ = ResizeToModelGrid(FramesToTensor(frames, device_));
  target_ = torch::tensor(std::vector<double>(target.begin(), target.end()), torch::kDouble);
}

std::vector<Frame> PairSolver::Render(std::span<const Coefficients> candidates) const {
  std::vector<Frame> frames;
  for (const Coefficients& candidate : candidates) {
    frames.push_back(RenderF0(candidate));
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

Tensor PairSolver::Read(const Tensor& small_f0) const {
  const torch::NoGradGuard no_grad;
  return PoseOutputs(modules_, small_f0, small_f1_.expand_as(small_f0)).to(torch::kCPU, torch::kDouble);
}

std::vector<double> PairSolver::ErrorsOf(std::span<const Frame> frames) const {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> small;  // one after the other: a frame of floats has 12 MB
  for (const Frame& frame : frames) {
    const Frame* const pointer = &frame;
    small.push_back(ResizeToModelGrid(FramesToTensor({&pointer, 1}, device_)));
  }
  return MeanSquares(Read(torch::cat(small)) - target_);
}

uint8_t PairSolver::BestMode(SolvedPair& pair, double least_gain) const {
  constexpr uint8_t kModes = 8;
  std::vector<Frame> frames;
  for (uint8_t mode = 1; mode < kModes; ++mode) {
    frames.push_back(RenderF0(pair.coefficients));
    ApplySelector(mode, frames.back());
  }
  const std::vector<double> errors = ErrorsOf(frames);
  const auto best = std::ranges::min_element(errors);
  if (!(pair.error - *best > least_gain)) return 0;
  pair.error = *best;
  return static_cast<uint8_t>(best - errors.begin() + 1);
}

AtomSolver::AtomSolver(const CarrierPicture& picture, FrameSize grid, const Frame& f1,
                       std::array<float, kPoseValues> target, uint8_t mode, Nets::Modules& modules)
    : PairSolver(f1, target, mode, modules), picture_(picture), atoms_(AtomsOf(picture, grid)) {
  const torch::NoGradGuard no_grad;
  rows_ = CubicWeights(grid.height, kModelGrid.height).to(device_);
  columns_ = CubicWeights(grid.width, kModelGrid.width).to(device_);
}

Frame AtomSolver::RenderF0(const Coefficients& coefficients) const { return picture_.Render(coefficients, 1); }

Linearisation AtomSolver::Linearise(const Coefficients& at) const {
  const std::vector<Frame> frames = Render({&at, 1});
  const Frame* const pointers[] = {&frames[0]};
  // The Jacobian passes over the two roundings, and over the enlargement to the frame and the nets' resize, which all
  // but cancel on a picture as smooth as the carrier's.
  return LineariseAt(ResizeToModelGrid(FramesToTensor(pointers, device_)), rows_, columns_);
}

Linearisation PairSolver::LineariseAt(const Tensor& at, const Tensor& rows, const Tensor& columns) const {
  const Tensor small_f0 = at.detach().requires_grad_(true);
  const Tensor read = PoseOutputs(modules_, small_f0, small_f1_)[0];
  std::vector<Tensor> gradients;
  for (int64_t i = 0; i < int64_t{kPoseValues}; ++i) {
    gradients.push_back(torch::autograd::grad({read[i]}, {small_f0}, {}, /*retain_graph=*/true)[0][0]);
  }
  const torch::NoGradGuard no_grad;
  const Tensor clipped = small_f0[0].le(0).logical_or(small_f0[0].ge(255));
  const Tensor open = torch::stack(gradients).masked_fill(clipped, 0);  // [6, 3, H, W]
  const Tensor jacobian = torch::matmul(torch::matmul(rows.t(), open), columns);
  return {read.detach().to(torch::kCPU, torch::kDouble) - target_, jacobian.flatten(1).to(torch::kCPU, torch::kDouble)};
}

std::vector<Coefficients> AtomSolver::Next(const Coefficients& at) const { return After(Steps(Linearise(at)), at); }

Tensor AtomSolver::Steps(const Linearisation& linear) const {
  constexpr double kRidge = 1e-6;
  const Tensor by_codes = linear.jacobian.mm(atoms_.t());  // [6, A]
  Tensor gram = atoms_.mm(atoms_.t());
  gram = gram + torch::eye(gram.size(0), torch::kDouble) * (kRidge * gram.diagonal().mean() + 1e-30);
  return DampedSteps(by_codes, torch::linalg_solve(gram, by_codes.t()), linear.residual);
}

MotionSolver::MotionSolver(const FrameRenderer& renderer, std::vector<float> picture,
                           std::array<float, kPoseValues> target, uint8_t mode, Nets::Modules& modules)
    : PairSolver(renderer.WriteFrame(picture, 1), target, mode, modules),
      renderer_(renderer),
      picture_(std::move(picture)) {
  KIT_CHECK(picture_.size() == kModelGrid.size_bytes());
  moves_ = {-64, -8, -1, 1, 8, 64};
}

Frame MotionSolver::RenderF0(const Coefficients& coefficients) const {
  return renderer_.RenderF0(picture_, coefficients, 0, 1);
}

Tensor MotionSolver::MovedPictures(std::span<const Coefficients> candidates) const {
  std::vector<Tensor> pictures;
  for (const Coefficients& terms : candidates) {
    const std::vector<float> moved = renderer_.MovedPicture(picture_, terms);
    pictures.push_back(torch::tensor(moved).view({kModelGrid.height, kModelGrid.width, 3}).clamp(0, 255));
  }
  return torch::stack(pictures).permute({0, 3, 1, 2}).contiguous().to(device_);
}

Tensor MotionSolver::ReadMoved(std::span<const Coefficients> candidates) const {
  std::vector<Tensor> read;
  for (size_t first = 0; first < candidates.size(); first += kBatch) {
    read.push_back(Read(MovedPictures(candidates.subspan(first, std::min(kBatch, candidates.size() - first)))));
  }
  return torch::cat(read);
}

Linearisation MotionSolver::Linearise(const Coefficients& at, FrameSize grid) const {
  return LineariseAt(MovedPictures({&at, 1}), CubicWeights(grid.height, kModelGrid.height).to(device_),
                     CubicWeights(grid.width, kModelGrid.width).to(device_));
}

Coefficients MotionSolver::Start() const {
  // Zoom about a point a little above the centre, where a road's lines meet; then shifts. In terms' units: 2^16 is
  // twice the size, 2^8 a pixel.
  constexpr double kHorizon = -17;  // rows from the centre
  constexpr double kZooms[] = {-0.06, -0.03, -0.015, 0,    0.01, 0.02, 0.03, 0.045, 0.06, 0.08,
                               0.1,   0.12,  0.14,   0.16, 0.19, 0.22, 0.26, 0.31,  0.37, 0.44};
  constexpr double kShifts[] = {-12, -8, -5, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 5, 8, 12};
  struct View {
    double zoom = 0, dx = 0, dy = 0;
  };
  const auto terms_of = [](const View& view) {
    const auto code = [](double value) { return static_cast<int16_t>(std::lround(value)); };
    const double shift_y = view.dy - kHorizon * view.zoom;
    return Coefficients{code(256 * view.dx),    code(65536 * view.zoom), 0, code(256 * shift_y), 0,
                        code(65536 * view.zoom)};
  };
  View best;
  double least = INFINITY;
  for (const double fineness : {1.0, 0.125}) {
    for (const auto& [member, values] : {std::pair{&View::zoom, std::span<const double>(kZooms)},
                                         {&View::dx, std::span<const double>(kShifts)},
                                         {&View::dy, std::span<const double>(kShifts)}}) {
      const View from = best;
      std::vector<View> views;
      std::vector<Coefficients> candidates;
      for (const double value : values) {
        View view = from;
        view.*member = std::clamp(fineness * value + (fineness < 1 ? from.*member : 0), -40.0, 40.0);
        view.zoom = std::clamp(view.zoom, -0.45, 0.45);
        views.push_back(view);
        candidates.push_back(terms_of(view));
      }
      const std::vector<double> errors = MeanSquares(ReadMoved(candidates) - target_);
      for (size_t i = 0; i < errors.size(); ++i) {
        if (!(errors[i] < least)) continue;
        least = errors[i];
        best = views[i];
      }
    }
  }
  return terms_of(best);
}

Tensor MotionSolver::Jacobian(const Coefficients& at) const {
  constexpr int16_t kReach = 64, kAtomReach = 8;  // of the differences: a quarter of a pixel; weights of atoms
  std::vector<Coefficients> around;
  for (size_t k = 0; k < at.size(); ++k) {
    const int16_t most = k < kMotionTerms ? kReach : kAtomReach;
    for (const int16_t reach : {most, static_cast<int16_t>(-most)}) {
      around.push_back(at);
      around.back()[k] = static_cast<int16_t>(std::clamp(at[k] + reach, -32000, 32000));
    }
  }
  const Tensor read = ReadMoved(around);
  std::vector<Tensor> columns;
  for (size_t k = 0; k < at.size(); ++k) {
    const int width = around[2 * k][k] - around[2 * k + 1][k];
    columns.push_back((read[static_cast<int64_t>(2 * k)] - read[static_cast<int64_t>(2 * k + 1)]) / width);
  }
  return torch::stack(columns, 1);
}

std::vector<Coefficients> MotionSolver::Next(const Coefficients& at) const {
  // A motion moves one output, the speed, a hundred times more than the others. A step that would mend these is long,
  // and off in speed by what is not linear in it; short steps back to the speed repair that.
  constexpr int kRepairs = 2;
  constexpr double kRepairDamping = 1e-2;
  const Tensor jacobian = Jacobian(at), back = jacobian.t();
  std::vector<Coefficients> candidates = After(DampedSteps(jacobian, back, ReadMoved({&at, 1})[0] - target_), at);
  for (int repair = 0; repair < kRepairs && !candidates.empty(); ++repair) {
    const Tensor residuals = ReadMoved(candidates) - target_;
    for (size_t i = 0; i < candidates.size(); ++i) {
      const Tensor step = DampedStep(jacobian, back, residuals[static_cast<int64_t>(i)], kRepairDamping);
      candidates[i] = Moved(candidates[i], step, 1);
    }
  }
  return candidates;
}

std::vector<Coefficients> MotionSolver::Promising(std::vector<Coefficients> candidates) const {
  constexpr size_t kMost = 4;
  if (candidates.size() <= kMost) return candidates;
  const std::vector<double> errors = MeanSquares(ReadMoved(candidates) - target_);
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&errors](size_t i) { return errors[i]; });
  std::vector<Coefficients> best;
  for (size_t i = 0; i < kMost; ++i) best.push_back(std::move(candidates[order[i]]));
  return best;
}

std::unique_ptr<PairSolver> MakePairSolver(const Scene& scene, const FrameRenderer& renderer,
                                           std::span<const uint8_t> map, size_t pair,
                                           const std::array<float, kPoseValues>& target, Nets::Modules& modules) {
  const Carrier& carrier = scene.carrier;
  if (carrier.moves) {
    return std::make_unique<MotionSolver>(renderer, renderer.RenderPicture(map, pair, 1), target, scene.selector[pair],
                                          modules);
  }
  return std::make_unique<AtomSolver>(renderer.carrier(), FrameSize{carrier.grid_width, carrier.grid_height},
                                      renderer.RenderF1(map, pair, 1), target, scene.selector[pair], modules);
}

bool PairSolver::TakeBest(std::vector<Coefficients> candidates, SolvedPair& best) const {
  candidates = Promising(std::move(candidates));
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
  SolvedPair best{start, Errors({&start, 1})[0]};
  for (int i = 0; i < options.iterations; ++i) {
    std::vector<Coefficients> candidates = Next(best.coefficients);
    if (candidates.empty() || !TakeBest(std::move(candidates), best)) break;
  }
  for (int i = 0; i < options.polish; ++i) {
    std::vector<Coefficients> candidates;
    for (size_t k = 0; k < start.size(); ++k) {
      for (const int move : moves_) {
        Coefficients moved = best.coefficients;
        moved[k] = static_cast<int16_t>(std::clamp(moved[k] + move, -32000, 32000));
        candidates.push_back(std::move(moved));
      }
    }
    if (!TakeBest(std::move(candidates), best)) break;
  }
  return best;
}

}  // namespace kitsink::strict
