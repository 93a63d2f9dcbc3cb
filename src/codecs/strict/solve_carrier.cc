// Solves the carrier: a basis from PoseNet's Jacobians, then coefficients pair by pair and steps of the basis in turn.

#include "codecs/strict/solve_carrier.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "codecs/entries.h"
#include "codecs/plan.h"
#include "codecs/strict/carrier_basis.h"
#include "codecs/strict/pose_solver.h"
#include "codecs/strict/render.h"
#include "codecs/strict/solve_motions.h"
#include "codecs/strict/train_carrier.h"
#include "kitsink/bytes.h"
#include "kitsink/contest.h"
#include "kitsink/score.h"
#include "nets/nets_torch.h"

namespace kitsink::strict {
namespace {

using torch::Tensor;

// A pair's coefficients under one basis, and what PoseNet reads there.
struct PairState {
  SolvedPair solved;
  uint8_t mode = 0;
  Linearisation linear;  // empty after the last round
};

Bytes PackState(const PairState& state) {
  ByteWriter writer;
  for (const int16_t code : state.solved.coefficients) writer.U16(static_cast<uint16_t>(code));
  writer.U8(state.mode);
  writer.F32(static_cast<float>(state.solved.error));
  if (!state.linear.residual.defined()) return writer.Take();
  PackLinearisation(state.linear, writer);
  return writer.Take();
}

PairState UnpackState(ByteReader& reader, size_t num_atoms, int64_t grid) {
  PairState state;
  for (size_t k = 0; k < num_atoms; ++k) state.solved.coefficients.push_back(static_cast<int16_t>(reader.U16()));
  state.mode = reader.U8();
  state.solved.error = reader.F32();
  if (reader.remaining() > 0) state.linear = UnpackLinearisation(reader, grid);
  return state;
}

double MeanError(std::span<const PairState> pairs) {
  double sum = 0;
  for (const PairState& pair : pairs) sum += pair.solved.error;
  return sum / static_cast<double>(pairs.size());
}

class Solver {
 public:
  Solver(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules, const CarrierSolve& options,
         const ResumeFolder& folder, int threads, Progress& progress)
      : scene_(scene),
        targets_(targets),
        modules_(modules),
        options_(options),
        folder_(folder),
        // One thread each: PoseNet's layers are too small for more, and results do not depend on the number.
        at_once_(modules.device.cuda ? 1 : threads),
        progress_(progress),
        grid_{scene.carrier.grid_width, scene.carrier.grid_height} {}

  Result<SolvedCarrier> Run() {
    KIT_ASSIGN(renderer_, FrameRenderer::Create(scene_));
    Carrier carrier = scene_.carrier;
    Estimate(carrier);
    std::vector<PairState> pairs(targets_.size());
    for (size_t i = 0; i < pairs.size(); ++i) {
      pairs[i].solved.coefficients.assign(
          carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * carrier.num_atoms),
          carrier.coefficients.begin() + static_cast<ptrdiff_t>((i + 1) * carrier.num_atoms));
    }
    if (options_.new_basis) KIT_TRY(StartBasis(carrier, pairs));
    KIT_TRY(SolveAll("round-0", carrier, pairs));
    for (uint32_t round = 1; round <= options_.rounds; ++round) {
      KIT_ASSIGN(const bool over, folder_.crew().LeaderSays(expired()));
      if (over) break;
      Carrier moved = carrier;
      std::vector<PairState> moved_pairs = pairs;
      KIT_TRY(MoveBasis(std::to_string(round), moved, moved_pairs));
      KIT_TRY(SolveAll("round-" + std::to_string(round), moved, moved_pairs));
      if (MeanError(moved_pairs) >= MeanError(pairs)) break;
      carrier = std::move(moved);
      pairs = std::move(moved_pairs);
    }
    KIT_TRY(Polish(carrier, pairs));
    SolvedCarrier solved{std::move(carrier), {}, MeanError(pairs)};
    solved.carrier.coefficients.clear();
    for (const PairState& pair : pairs) {
      solved.carrier.coefficients.insert(solved.carrier.coefficients.end(), pair.solved.coefficients.begin(),
                                         pair.solved.coefficients.end());
      solved.selector.push_back(pair.mode);
    }
    return solved;
  }

 private:
  static std::vector<Linearisation> Linears(std::span<const PairState> pairs) {
    std::vector<Linearisation> linears;
    for (const PairState& pair : pairs) linears.push_back(pair.linear);
    return linears;
  }

  // Tells how long the stage will take, from the time of one Jacobian and of eight candidates.
  void Estimate(const Carrier& carrier) {
    const CarrierPicture picture = Picture(carrier);
    const Frame f1 = renderer_->RenderF1(scene_.mask.map(0), 0, 1);
    const AtomSolver solver(picture, grid_, f1, targets_[0].pose, 0, modules_);
    const std::vector<Coefficients> candidates(8, Coefficients(carrier.num_atoms, 0));
    solver.Linearise(candidates[0]);  // LibTorch prepares its kernels
    Stopwatch watch;
    solver.Linearise(candidates[0]);
    const double jacobian = watch.seconds();
    watch = Stopwatch();
    solver.Errors(candidates);
    const double eight = watch.seconds();
    // A training step is a forward and a backward pass, a Jacobian one and six. A solve takes about four steps of 14
    // candidates, polishing about four rounds of four moves an atom.
    const double pairs = PairsOfAProcess(targets_.size(), folder_);
    const double steps =
        options_.new_basis ? 4.0 / 3 * options_.steps_each * std::max(static_cast<double>(targets_.size()), 8.0) : 0;
    const double solves = (options_.rounds + 1) * 4 * (jacobian + 2 * eight) + 2 * carrier.num_atoms * eight;
    step_seconds_ = jacobian / 3;
    LogEstimate(options_.name + ": about", steps * step_seconds_ + pairs * solves / at_once_, options_.seconds_left());
  }

  // First one picture for all pairs, from the blurred f1; then the directions in which PoseNet reacts most around it;
  // then both together with the coefficients. Gauss-Newton steps of single pairs from grey lost: PoseNet's response
  // between grey and a picture of the right speed is too far from linear.
  Status StartBasis(Carrier& carrier, std::vector<PairState>& pairs) {
    const int64_t atoms = carrier.num_atoms, count = static_cast<int64_t>(pairs.size());
    PoseViews view = Views();
    CarrierTraining training{.stage = "picture", .grid = grid_, .grey = double{carrier.grey}};
    // Few pairs need as many steps as eight. A third more is for the common picture.
    constexpr double kShareOfTime = 0.4;
    const int64_t wanted = int64_t{options_.steps_each} * std::max<int64_t>(count, 8);
    KIT_ASSIGN(const int64_t steps,
               PlanUnits(folder_, options_.name + "-training",
                         {wanted, "steps", step_seconds_, kShareOfTime * options_.seconds_left()}));
    training.steps = (steps + 2) / 3;
    training.train_coefficients = false;
    Tensor blurred = torch::zeros({3, grid_.height, grid_.width});
    for (size_t i = 0; i < pairs.size(); ++i) {
      blurred += torch::adaptive_avg_pool2d(view(i).small_f1, {grid_.height, grid_.width})[0].cpu();
    }
    KIT_ASSIGN(const RealCarrier shared, Train(options_.name + "-picture.checkpoint", training, view,
                                               {blurred.view({1, -1}) / count, torch::ones({count, 1})}));
    SetBasis(torch::cat({shared.atoms, torch::zeros({atoms - 1, shared.atoms.size(1)})}).to(torch::kDouble),
             options_.largest_code, carrier);
    SetCoefficients({shared.atoms, shared.coefficients}, carrier, pairs);
    KIT_TRY(ForAll("start", carrier, pairs, [](const AtomSolver& solver, PairState& state) {
      state.solved.error = solver.Errors({&state.solved.coefficients, 1})[0];
      state.linear = solver.Linearise(state.solved.coefficients);
    }));
    Log(LogLevel::kInfo, "carrier: one picture for all: pose " + std::to_string(MeanError(pairs)));

    constexpr double kContrast = 10;  // grey levels, of the other atoms
    RealCarrier all{shared.atoms, torch::cat({torch::ones({count, 1}), torch::zeros({count, atoms - 1})}, 1)};
    if (atoms > 1) {
      const Tensor directions = LeadingDirections(Linears(pairs), atoms - 1);
      const Tensor contrasts = directions.square().mean(1, /*keepdim=*/true).sqrt();
      all.atoms = torch::cat({all.atoms, (kContrast * directions / contrasts).to(torch::kFloat32)});
    }
    training.stage = "atoms";
    training.steps = steps;
    training.rate = 2;
    training.largest_code = options_.largest_code;
    training.train_coefficients = true;
    KIT_ASSIGN(const RealCarrier trained, Train(options_.name + "-atoms.checkpoint", training, view, all));
    SetBasis(trained.atoms.to(torch::kDouble), options_.largest_code, carrier);
    // Coarser steps lost: with 0.2 for all, rounding alone left an error of 2e-3.
    ScaleCoefficients(Linears(pairs), AtomsOf(Picture(carrier), grid_), 0.01, carrier);
    SetCoefficients(trained, carrier, pairs);
    return Ok();
  }

  Result<RealCarrier> Train(const std::string& entry, const CarrierTraining& training, const PoseViews& view,
                            const RealCarrier& start) {
    KIT_ASSIGN(const Checkpoint checkpoint, CheckpointOf(folder_, entry));
    return TrainCarrier(start, training, view, modules_, checkpoint, progress_);
  }

  // Each pair as PoseNet reads it. Those of a short clip are kept.
  PoseViews Views() const {
    constexpr size_t kMostKept = 64;
    auto kept = std::make_shared<std::map<size_t, PoseView>>();
    return [this, kept](size_t i) {
      if (const auto found = kept->find(i); found != kept->end()) return found->second;
      const torch::NoGradGuard no_grad;
      const Frame f1 = renderer_->RenderF1(scene_.mask.map(i), i, at_once_);
      const Frame* const frames[] = {&f1};
      const std::array<float, kPoseValues>& pose = targets_[i].pose;
      PoseView view{ResizeToModelGrid(FramesToTensor(frames, TorchDevice(modules_.device))),
                    torch::tensor(std::vector<float>(pose.begin(), pose.end()))};
      if (targets_.size() <= kMostKept) kept->emplace(i, view);
      return view;
    };
  }

  // The codes that come nearest to real coefficients. An atom of the codec has a contrast of its own.
  void SetCoefficients(const RealCarrier& real, const Carrier& carrier, std::vector<PairState>& pairs) const {
    const Tensor codec_atoms = AtomsOf(Picture(carrier), grid_);
    for (int64_t k = 0; k < int64_t{carrier.num_atoms}; ++k) {
      if (k >= real.atoms.size(0)) break;
      const Tensor atom = (real.atoms[k] - real.atoms[k].mean()).to(torch::kDouble);
      const double contrast =
          codec_atoms[k].dot(atom).item<double>() / std::max(codec_atoms[k].square().sum().item<double>(), 1e-30);
      for (size_t i = 0; i < pairs.size(); ++i) {
        const double code = contrast * double{real.coefficients[static_cast<int64_t>(i)][k].item<float>()};
        pairs[i].solved.coefficients[static_cast<size_t>(k)] =
            static_cast<int16_t>(std::clamp(std::nearbyint(code), -32000.0, 32000.0));
      }
    }
  }

  CarrierPicture Picture(const Carrier& carrier) const {
    return CarrierPicture(carrier, {scene_.mask.width, scene_.mask.height}, scene_.frame_size, FastRowKernels());
  }

  // Calls work(solver, state) for each pair, unless the job's folder has its result.
  template <typename Work>
  Status ForAll(const std::string& part, const Carrier& carrier, std::vector<PairState>& pairs, const Work& work) {
    const CarrierPicture picture = Picture(carrier);
    const int64_t grid = int64_t{3} * grid_.width * grid_.height;
    EntryWork entries{.stage = options_.name + " " + part, .count = pairs.size(), .at_once = at_once_};
    entries.name = [&](size_t i) { return options_.name + "-" + part + "-" + std::to_string(i); };
    entries.make = [&](size_t i) -> Result<Bytes> {
      PairState state = pairs[i];
      const Frame f1 = renderer_->RenderF1(scene_.mask.map(i), i, 1);
      work(AtomSolver(picture, grid_, f1, targets_[i].pose, state.mode, modules_), state);
      return PackState(state);
    };
    // What was saved is used also where it was made, so that a resumed job computes with the same digits.
    entries.take = [&](size_t i, ByteReader& entry) -> Status {
      pairs[i] = UnpackState(entry, carrier.num_atoms, grid);
      return Ok();
    };
    return MakeEntries(entries, folder_, progress_);
  }

  Status SolveAll(const std::string& part, const Carrier& carrier, std::vector<PairState>& pairs) {
    KIT_TRY(ForAll(part, carrier, pairs, [this](const AtomSolver& solver, PairState& state) {
      state.solved = solver.Solve(state.solved.coefficients, {.iterations = expired() ? 1 : 8});
      state.linear = solver.Linearise(state.solved.coefficients);
    }));
    Log(LogLevel::kInfo, options_.name + ": " + part + ": pose " + std::to_string(1e6 * MeanError(pairs)) + "e-6");
    return Ok();
  }

  // Takes the step of the basis whose damping serves the pairs best.
  Status MoveBasis(const std::string& round, Carrier& carrier, std::vector<PairState>& pairs) {
    const Carrier from = carrier;
    const std::vector<PairState> from_pairs = pairs;
    double least = INFINITY;
    for (const double damping : {1e-2, 1e-4, 1e-6}) {
      Carrier tried = from;
      std::vector<PairState> tried_pairs = from_pairs;
      MoveBasisBy(damping, tried, tried_pairs);
      KIT_TRY(ForAll("try-" + round + "-" + std::to_string(damping), tried, tried_pairs,
                     [](const AtomSolver& solver, PairState& state) {
                       state.linear = {};
                       state.solved.error = solver.Errors({&state.solved.coefficients, 1})[0];
                     }));
      Log(LogLevel::kInfo,
          options_.name + ": damping " + std::to_string(damping) + ": pose " + std::to_string(MeanError(tried_pairs)));
      if (MeanError(tried_pairs) >= least) continue;
      least = MeanError(tried_pairs);
      carrier = std::move(tried);
      pairs = std::move(tried_pairs);
    }
    return Ok();
  }

  // Takes a step of the basis, and scales the coefficients so that pictures stay what they were but for the step.
  void MoveBasisBy(double damping, Carrier& carrier, std::vector<PairState>& pairs) const {
    const auto atoms_of = [&](const Carrier& of) { return AtomsOf(Picture(of), grid_); };
    Tensor coefficients = torch::empty({static_cast<int64_t>(pairs.size()), carrier.num_atoms}, torch::kDouble);
    for (size_t i = 0; i < pairs.size(); ++i) {
      for (size_t k = 0; k < carrier.num_atoms; ++k) {
        coefficients[static_cast<int64_t>(i)][static_cast<int64_t>(k)] =
            static_cast<double>(pairs[i].solved.coefficients[k]);
      }
    }
    const Tensor moved = atoms_of(carrier) + BasisStep(Linears(pairs), coefficients, damping);
    SetBasis(moved, options_.largest_code, carrier);
    const Tensor stretch = moved.norm(2, 1) / atoms_of(carrier).norm(2, 1).clamp_min(1e-30);
    for (PairState& pair : pairs) {
      for (size_t k = 0; k < carrier.num_atoms; ++k) {
        const double code = pair.solved.coefficients[k] * stretch[static_cast<int64_t>(k)].item<double>();
        pair.solved.coefficients[k] = static_cast<int16_t>(std::clamp(std::nearbyint(code), -32000.0, 32000.0));
      }
    }
  }

  // Single moves of the coefficients, then the selector's modes, for every pair. A mode is taken where it gains more
  // than its bits cost.
  Status Polish(const Carrier& carrier, std::vector<PairState>& pairs) {
    constexpr double kModeBytes = 1.5;  // a flag that is rarely set, and three bits
    const double slope = PoseTermSlope(std::max(MeanError(pairs), 1e-9)) / static_cast<double>(pairs.size());
    return ForAll("polish", carrier, pairs, [&](const AtomSolver& solver, PairState& state) {
      state.linear = {};
      if (expired()) return;
      state.solved = solver.Solve(state.solved.coefficients, {.iterations = 2, .polish = 16});
      state.mode = solver.BestMode(state.solved, kModeBytes * options_.score_per_byte / slope);
    });
  }

  bool expired() const { return options_.seconds_left() <= 0; }

  const Scene& scene_;
  std::span<const Observation> targets_;
  Nets::Modules& modules_;
  const CarrierSolve& options_;
  const ResumeFolder& folder_;
  int at_once_;
  Progress& progress_;
  FrameSize grid_;
  std::unique_ptr<FrameRenderer> renderer_;
  double step_seconds_ = 0;  // of training
};

}  // namespace

CarrierSize CarrierSizeFor(uint64_t num_pairs) {
  if (num_pairs < 64) return {5, 12, 16, 15};
  if (num_pairs < 300) return {10, 12, 16, 15};
  return {};
}

CarrierSize AddedAtomsFor(uint64_t num_pairs) {
  if (num_pairs < 64) return {4, 6, 8, 7};
  if (num_pairs < 300) return {6, 9, 12, 7};
  return {8, 12, 16, 7};
}

Carrier StillCarrier(uint64_t num_pairs) {
  Carrier carrier;
  carrier.coefficients.resize(num_pairs * kMotionTerms);
  return carrier;
}

Carrier GreyCarrier(const CarrierSize& size, uint64_t num_pairs) {
  Carrier carrier;
  carrier.moves = false;
  carrier.num_atoms = size.num_atoms;
  carrier.grid_height = size.grid_height;
  carrier.grid_width = size.grid_width;
  carrier.basis.resize(size_t{3} * size.num_atoms * size.grid_height * size.grid_width);
  carrier.basis_scales.assign(size.num_atoms, 1.0F);
  carrier.coefficients.resize(num_pairs * size.num_atoms);
  carrier.coefficient_scales.assign(size.num_atoms, 1.0F / 256);
  return carrier;
}

Result<SolvedCarrier> SolveAddedAtoms(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                      const CarrierSolve& options, const ResumeFolder& folder, int threads,
                                      Progress& progress) {
  KIT_CHECK(targets.size() == scene.mask.count && scene.carrier.moves && scene.carrier.num_atoms == 0);
  return Guarded("carrier", [&]() -> Result<SolvedCarrier> {
    KIT_ASSIGN(Nets::Modules* const modules, nets.FoldedModules());
    return AddAtoms(scene, AddedAtomsFor(targets.size()), targets, *modules, options, folder, threads, progress);
  });
}

Result<double> SecondsOfMotions(const Scene& scene, std::span<const Observation> targets, Nets& nets, int threads) {
  KIT_CHECK(targets.size() == scene.mask.count && scene.carrier.moves);
  return Guarded("carrier", [&]() -> Result<double> {
    KIT_ASSIGN(Nets::Modules* const modules, nets.FoldedModules());
    return SecondsOfShortestWay(scene, targets, *modules, threads);
  });
}

Result<SolvedCarrier> SolveCarrier(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                   const CarrierSolve& options, const ResumeFolder& folder, int threads,
                                   Progress& progress) {
  KIT_CHECK(targets.size() == scene.mask.count);
  return Guarded("carrier", [&]() -> Result<SolvedCarrier> {
    KIT_ASSIGN(Nets::Modules* const modules, nets.FoldedModules());
    if (scene.carrier.moves) return SolveMotions(scene, targets, *modules, options, folder, threads, progress);
    return Solver(scene, targets, *modules, options, folder, threads, progress).Run();
  });
}

}  // namespace kitsink::strict
