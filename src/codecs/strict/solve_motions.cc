// Finds each pair's motion: a search of zooms and shifts, then Gauss-Newton steps and single moves of the terms.

#include "codecs/strict/solve_motions.h"

#include <algorithm>
#include <functional>
#include <memory>
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

MotionSolver SolverOf(const Scene& scene, const FrameRenderer& renderer, std::span<const Observation> targets,
                      Nets::Modules& modules, size_t i) {
  return MotionSolver(renderer, renderer.RenderPicture(scene.mask.map(i), i, 1), targets[i].pose, 0, modules);
}

using PairStart = std::function<Coefficients(const MotionSolver& solver, const Coefficients& from)>;

// Solves every pair of a scene whose f1 moves. `part` names its entries.
Result<SolvedCarrier> SolveAll(const Scene& scene, const std::string& part, const PairStart& start,
                               std::span<const Observation> targets, Nets::Modules& modules,
                               const CarrierSolve& options, const ResumeFolder& folder, int threads,
                               Progress& progress) {
  KIT_ASSIGN(const std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene));
  SolvedCarrier solved{scene.carrier, std::vector<uint8_t>(targets.size(), 0), 0};
  std::vector<double> errors(targets.size());
  const size_t terms = scene.carrier.num_terms();
  const auto terms_of = [&](size_t i) {
    return solved.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * terms);
  };
  EntryWork work{.stage = part, .count = targets.size(), .at_once = modules.device.cuda ? 1 : threads};
  work.name = [&](size_t i) { return part + "-motion-" + std::to_string(i); };
  work.make = [&](size_t i) -> Result<Bytes> {
    const MotionSolver solver = SolverOf(scene, *renderer, targets, modules, i);
    const Coefficients from(terms_of(i), terms_of(i) + static_cast<ptrdiff_t>(terms));
    const SolvedPair pair =
        solver.Solve(start(solver, from), options.expired() ? PairSolveOptions{.iterations = 1} : kSolve);
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
  Log(LogLevel::kInfo, part + ": motions: pose " + std::to_string(1e6 * solved.error) + "e-6");
  return solved;
}

// What PoseNet reads near each pair's moved picture.
Result<std::vector<Linearisation>> LineariseAll(const Scene& scene, const std::string& part, FrameSize grid,
                                                std::span<const Observation> targets, Nets::Modules& modules,
                                                const ResumeFolder& folder, int threads, Progress& progress) {
  KIT_ASSIGN(const std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene));
  std::vector<Linearisation> linears(targets.size());
  EntryWork work{.stage = part, .count = targets.size(), .at_once = modules.device.cuda ? 1 : threads};
  work.name = [&](size_t i) { return part + "-jacobian-" + std::to_string(i); };
  work.make = [&](size_t i) -> Result<Bytes> {
    const auto motion = scene.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * kMotionTerms);
    const Linearisation linear =
        SolverOf(scene, *renderer, targets, modules, i).Linearise(Coefficients(motion, motion + kMotionTerms), grid);
    ByteWriter writer;
    PackLinearisation(linear, writer);
    return writer.Take();
  };
  work.take = [&](size_t i, ByteReader& entry) {
    linears[i] = UnpackLinearisation(entry, int64_t{3} * grid.width * grid.height);
    return Ok();
  };
  KIT_TRY(MakeEntries(work, folder, progress));
  return linears;
}

// Tells how long the stage will take, from the time of eight candidates.
void Estimate(const MotionSolver& solver, const CarrierSolve& options, double rounds_of_pairs) {
  constexpr double kBatchesOfAPair = 60;  // about 100 starts, 8 Gauss-Newton steps of 27 candidates, 5 rounds of 24
  const std::vector<Coefficients> candidates(8, Coefficients(kMotionTerms, 0));
  solver.Errors({candidates.data(), 1});  // LibTorch prepares its kernels
  const Stopwatch watch;
  solver.Errors(candidates);
  LogEstimate(options.name + ": about", kBatchesOfAPair * watch.seconds() * rounds_of_pairs);
}

}  // namespace

Result<SolvedCarrier> SolveMotions(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules,
                                   const CarrierSolve& options, const ResumeFolder& folder, int threads,
                                   Progress& progress) {
  KIT_ASSIGN(const std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene));
  const int at_once = modules.device.cuda ? 1 : threads;
  Estimate(SolverOf(scene, *renderer, targets, modules, 0), options, PairsOfAProcess(targets.size(), folder) / at_once);
  const PairStart start = [&options](const MotionSolver& solver, const Coefficients& from) {
    return options.new_basis ? solver.Start() : from;
  };
  return SolveAll(scene, options.name, start, targets, modules, options, folder, threads, progress);
}

Result<SolvedCarrier> AddAtoms(const Scene& scene, const CarrierSize& size, std::span<const Observation> targets,
                               Nets::Modules& modules, const CarrierSolve& options, const ResumeFolder& folder,
                               int threads, Progress& progress) {
  constexpr double kPoseStep = 0.004;  // of one code: a fifth of what the motions leave
  const FrameSize grid{size.grid_width, size.grid_height};
  KIT_ASSIGN(const std::vector<Linearisation> linears,
             LineariseAll(scene, options.name, grid, targets, modules, folder, threads, progress));
  Scene added = scene;
  Carrier& carrier = added.carrier;
  carrier = GreyCarrier(size, targets.size());
  carrier.moves = true;
  carrier.coefficients.clear();
  for (size_t i = 0; i < targets.size(); ++i) {
    const auto motion = scene.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * kMotionTerms);
    carrier.coefficients.insert(carrier.coefficients.end(), motion, motion + kMotionTerms);
    carrier.coefficients.resize((i + 1) * carrier.num_terms());
  }
  SetBasis(LeadingDirections(linears, size.num_atoms), size.largest_code, carrier);
  const CarrierPicture picture(carrier, kModelGrid, scene.frame_size, FastRowKernels());
  ScaleCoefficients(linears, AtomsOf(picture, grid), kPoseStep, carrier);
  const PairStart start = [](const MotionSolver&, const Coefficients& from) { return from; };
  return SolveAll(added, options.name, start, targets, modules, options, folder, threads, progress);
}

}  // namespace kitsink::strict
