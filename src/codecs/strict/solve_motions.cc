// Finds each pair's motion: a search of zooms and shifts, then Gauss-Newton steps and single moves of the terms.

#include "codecs/strict/solve_motions.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "codecs/entries.h"
#include "codecs/plan.h"
#include "codecs/strict/carrier_basis.h"
#include "codecs/strict/pose_solver.h"
#include "codecs/strict/render.h"
#include "kitsink/bytes.h"
#include "nets/nets_torch.h"

namespace kitsink::strict {
namespace {

constexpr PairSolveOptions kSolve{.iterations = 8, .polish = 8};

// The work on a pair, in batches of eight written candidates; one that is not written takes half as long. All of it:
// about 100 starts, 8 steps of 55 candidates and 5 rounds of 36. With little time: starts and a step. With less: the
// motion of the pair before it and a step, and a search for one in six.
constexpr double kAllBatches = 50, kSearchBatches = 10, kFollowBatches = 6;
constexpr double kSlack = 1.25;  // threads slow each other

MotionSolver SolverOf(const Scene& scene, const FrameRenderer& renderer, size_t i, std::span<const Observation> targets,
                      Nets::Modules& modules) {
  return MotionSolver(renderer, renderer.RenderPicture(scene.mask.map(i), i, 1), targets[i].pose, 0, modules);
}

// Of eight written candidates, on one thread.
Result<double> SecondsOfABatch(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules) {
  KIT_ASSIGN(const std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene));
  const MotionSolver solver = SolverOf(scene, *renderer, 0, targets, modules);
  const std::vector<Coefficients> candidates(8, Coefficients(scene.carrier.num_terms(), 0));
  solver.Errors({candidates.data(), 1});  // LibTorch prepares its kernels
  const Stopwatch watch;
  solver.Errors(candidates);
  return watch.seconds();
}

int PairsAtOnce(const Nets::Modules& modules, int threads) { return modules.device.cuda ? 1 : threads; }

// The pairs of a clip whose f1 moves.
struct Pairs {
  std::span<const Observation> targets;
  Nets::Modules& modules;
  const CarrierSolve& options;
  const ResumeFolder& folder;
  int at_once;
  Progress& progress;

  // `anew` starts from a search of motions, not from those of the scene. The time limit decides how much of it.
  Result<SolvedCarrier> Solve(const Scene& scene, bool anew) const {
    KIT_ASSIGN(const double batch, SecondsOfABatch(scene, targets, modules));
    LogEstimate(options.name + ": about", kAllBatches * batch * PairsOfAProcess(targets.size(), folder) / at_once,
                options.seconds_left());
    std::atomic<size_t> left = PairsToMake();
    KIT_ASSIGN(const std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene));
    SolvedCarrier solved{scene.carrier, std::vector<uint8_t>(targets.size(), 0), 0};
    std::vector<double> errors(targets.size());
    const size_t terms = scene.carrier.num_terms();
    const auto terms_of = [&](size_t i) {
      return solved.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * terms);
    };
    EntryWork work{.stage = options.name, .count = targets.size(), .at_once = at_once};
    work.name = [&](size_t i) { return EntryOf(i); };
    work.make = [&](size_t i) -> Result<Bytes> {
      // Every pair that is left gets the same share of the time.
      const double batches = options.seconds_left() * at_once / (kSlack * batch * static_cast<double>(left--));
      const MotionSolver solver = SolverOf(scene, *renderer, i, targets, modules);
      const SolvedPair pair = anew ? SolveAnew(i, solver, batches)
                                   : solver.Solve({terms_of(i), terms_of(i) + static_cast<ptrdiff_t>(terms)},
                                                  batches < kAllBatches ? kShortest : kSolve);
      ByteWriter writer;
      writer.F32(static_cast<float>(pair.error));
      for (const int16_t term : pair.coefficients) writer.U16(static_cast<uint16_t>(term));
      return writer.Take();
    };
    work.take = [&](size_t i, ByteReader& entry) {
      errors[i] = entry.F32();
      std::generate_n(terms_of(i), terms, [&entry] { return static_cast<int16_t>(entry.U16()); });
      return Ok();
    };
    KIT_TRY(MakeEntries(work, folder, progress));
    for (const double error : errors) solved.error += error / static_cast<double>(errors.size());
    Log(LogLevel::kInfo, options.name + ": motions: pose " + std::to_string(1e6 * solved.error) + "e-6");
    return solved;
  }

  // The motion of the nearest pair before it that is solved.
  std::optional<Coefficients> MotionBefore(size_t i) const {
    constexpr size_t kReach = 16;
    for (size_t back = 1; back <= std::min(i, kReach); ++back) {
      if (!folder.Has(EntryOf(i - back))) continue;
      const Result<Bytes> entry = folder.Load(EntryOf(i - back));
      if (!entry.ok()) break;
      ByteReader reader(entry.value());
      reader.F32();
      Coefficients motion(kMotionTerms);
      for (int16_t& term : motion) term = static_cast<int16_t>(reader.U16());
      if (reader.Finish("motion").ok()) return motion;
    }
    return std::nullopt;
  }

  // A new motion, with work of so many batches.
  SolvedPair SolveAnew(size_t i, const MotionSolver& solver, double batches) const {
    constexpr double kLost = 0.01;  // the error of a motion that the pair before it led astray
    if (batches >= kAllBatches) return solver.Solve(solver.Start(), kSolve);
    SolvedPair best;
    if (const auto before = batches < kSearchBatches ? MotionBefore(i) : std::nullopt; before.has_value()) {
      best = solver.Solve(*before, kShortest);
      if (best.error < kLost) return best;
    }
    SolvedPair searched = solver.Solve(solver.Start(), kShortest);
    return best.coefficients.empty() || searched.error < best.error ? searched : best;
  }

  std::string EntryOf(size_t i) const { return options.name + "-motion-" + std::to_string(i); }

  // Of this process, without those that an earlier job made.
  size_t PairsToMake() const {
    const PairRange own = folder.crew().shard().PartOf(targets.size());
    size_t count = 0;
    for (size_t i = own.first; i < own.end; ++i) count += folder.Has(EntryOf(i)) ? 0 : 1;
    return count;
  }

  // What PoseNet reads near each moved picture. REQUIRES: no atoms.
  Result<std::vector<Linearisation>> Linearise(const Scene& scene, FrameSize grid) const {
    KIT_ASSIGN(const std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene));
    std::vector<Linearisation> linears(targets.size());
    EntryWork work{.stage = options.name + " basis", .count = targets.size(), .at_once = at_once};
    work.name = [&](size_t i) { return options.name + "-jacobian-" + std::to_string(i); };
    work.make = [&](size_t i) -> Result<Bytes> {
      ByteWriter writer;
      PackLinearisation(SolverOf(scene, *renderer, i, targets, modules).Linearise(MotionOf(scene, i), grid), writer);
      return writer.Take();
    };
    work.take = [&](size_t i, ByteReader& entry) {
      linears[i] = UnpackLinearisation(entry, int64_t{3} * grid.width * grid.height);
      return Ok();
    };
    KIT_TRY(MakeEntries(work, folder, progress));
    return linears;
  }

  static Coefficients MotionOf(const Scene& scene, size_t i) {
    const auto first = scene.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * kMotionTerms);
    return {first, first + kMotionTerms};
  }
};

}  // namespace

Result<SolvedCarrier> SolveMotions(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules,
                                   const CarrierSolve& options, const ResumeFolder& folder, int threads,
                                   Progress& progress) {
  const Pairs pairs{targets, modules, options, folder, PairsAtOnce(modules, threads), progress};
  return pairs.Solve(scene, options.new_basis);
}

Result<double> SecondsOfShortestWay(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules,
                                    int threads) {
  KIT_ASSIGN(const double batch, SecondsOfABatch(scene, targets, modules));
  return kSlack * kFollowBatches * batch * static_cast<double>(targets.size()) / PairsAtOnce(modules, threads);
}

Result<SolvedCarrier> AddAtoms(const Scene& scene, const CarrierSize& size, std::span<const Observation> targets,
                               Nets::Modules& modules, const CarrierSolve& options, const ResumeFolder& folder,
                               int threads, Progress& progress) {
  constexpr double kPoseStep = 0.004;  // of one code: a fifth of what the motions leave
  const Pairs pairs{targets, modules, options, folder, PairsAtOnce(modules, threads), progress};
  const FrameSize grid{size.grid_width, size.grid_height};
  KIT_ASSIGN(const std::vector<Linearisation> linears, pairs.Linearise(scene, grid));
  Scene added = scene;
  Carrier& carrier = added.carrier;
  carrier = GreyCarrier(size, targets.size());
  carrier.moves = true;
  carrier.coefficients.clear();
  for (size_t i = 0; i < targets.size(); ++i) {
    const Coefficients motion = Pairs::MotionOf(scene, i);
    carrier.coefficients.insert(carrier.coefficients.end(), motion.begin(), motion.end());
    carrier.coefficients.resize((i + 1) * carrier.num_terms());
  }
  SetBasis(LeadingDirections(linears, size.num_atoms), size.largest_code, carrier);
  const CarrierPicture picture(carrier, kModelGrid, scene.frame_size, FastRowKernels());
  ScaleCoefficients(linears, AtomsOf(picture, grid), kPoseStep, carrier);
  return pairs.Solve(added, false);
}

}  // namespace kitsink::strict
