// Finds each pair's motion: a search of zooms and shifts, then Gauss-Newton steps and single moves of the terms.

#include "codecs/strict/solve_motions.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "codecs/entries.h"
#include "codecs/plan.h"
#include "codecs/strict/pose_solver.h"
#include "codecs/strict/render.h"
#include "kitsink/bytes.h"
#include "nets/nets_torch.h"

namespace kitsink::strict {
namespace {

constexpr PairSolveOptions kSolve{.iterations = 8, .polish = 8};

SolvedPair SolvePair(const MotionSolver& solver, const Coefficients& from, const CarrierSolve& options) {
  const Coefficients start = options.new_basis ? solver.Start() : from;
  return solver.Solve(start, options.expired() ? PairSolveOptions{.iterations = 1} : kSolve);
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
  const auto solver_of = [&](size_t i) {
    return MotionSolver(*renderer, renderer->RenderPicture(scene.mask.map(i), i, 1), targets[i].pose, 0, modules);
  };
  Estimate(solver_of(0), options, PairsOfAProcess(targets.size(), folder) / at_once);
  SolvedCarrier solved{scene.carrier, std::vector<uint8_t>(targets.size(), 0), 0};
  std::vector<double> errors(targets.size());
  const auto terms_of = [&solved](size_t i) {
    return solved.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * kMotionTerms);
  };
  EntryWork work{.stage = options.name, .count = targets.size(), .at_once = at_once};
  work.name = [&](size_t i) { return options.name + "-motion-" + std::to_string(i); };
  work.make = [&](size_t i) -> Result<Bytes> {
    const Coefficients start(terms_of(i), terms_of(i) + kMotionTerms);
    const SolvedPair pair = SolvePair(solver_of(i), start, options);
    ByteWriter writer;
    writer.F32(static_cast<float>(pair.error));
    for (const int16_t term : pair.coefficients) writer.U16(static_cast<uint16_t>(term));
    return writer.Take();
  };
  work.take = [&](size_t i, ByteReader& entry) {
    errors[i] = entry.F32();
    std::generate_n(terms_of(i), kMotionTerms, [&entry] { return static_cast<int16_t>(entry.U16()); });
    return Ok();
  };
  KIT_TRY(MakeEntries(work, folder, progress));
  for (const double error : errors) solved.error += error / static_cast<double>(errors.size());
  Log(LogLevel::kInfo, options.name + ": motions: pose " + std::to_string(1e6 * solved.error) + "e-6");
  return solved;
}

}  // namespace kitsink::strict
