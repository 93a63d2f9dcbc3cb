// Finds each pair's motion: a search of zooms and shifts, then Gauss-Newton steps and single moves of the terms.

#include "codecs/strict/solve_motions.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "codecs/plan.h"
#include "codecs/strict/pose_solver.h"
#include "codecs/strict/render.h"
#include "kitsink/at_once.h"
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
  Estimate(solver_of(0), options, static_cast<double>(targets.size()) / at_once);
  SolvedCarrier solved{scene.carrier, std::vector<uint8_t>(targets.size(), 0), 0};
  std::vector<double> errors(targets.size());
  std::mutex mutex;
  uint64_t done = 0;
  progress.Begin(options.name, targets.size(), "pairs");
  const auto item = [&](size_t, size_t i) -> Status {
    const std::string entry = options.name + "-motion-" + std::to_string(i);
    const auto at = solved.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * kMotionTerms);
    if (!folder.Has(entry)) {
      KIT_TRY(Guarded("carrier", [&]() -> Status {
        const SolvedPair pair = SolvePair(solver_of(i), Coefficients(at, at + kMotionTerms), options);
        ByteWriter writer;
        writer.F32(static_cast<float>(pair.error));
        for (const int16_t term : pair.coefficients) writer.U16(static_cast<uint16_t>(term));
        return folder.Save(entry, writer.Take());
      }));
    }
    KIT_ASSIGN(const Bytes bytes, folder.Load(entry));
    ByteReader reader(bytes);
    errors[i] = reader.F32();
    std::generate_n(at, kMotionTerms, [&reader] { return static_cast<int16_t>(reader.U16()); });
    KIT_TRY(reader.Finish("solved motion"));
    const std::lock_guard lock(mutex);
    progress.Update(++done, "");
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted; the same command goes on from here"};
    return Ok();
  };
  KIT_TRY(RunAtOnce(targets.size(), at_once, item));
  progress.End();
  for (const double error : errors) solved.error += error / static_cast<double>(errors.size());
  Log(LogLevel::kInfo, options.name + ": motions: pose " + std::to_string(1e6 * solved.error) + "e-6");
  return solved;
}

}  // namespace kitsink::strict
