#pragma once
// The third stage of compress where f1's picture moves: finds the motions, and atoms for what they leave.

#include <span>

#include "codecs/strict/solve_carrier.h"

namespace kitsink::strict {

// As SolveCarrier(), which calls it. Pairs are independent of each other.
Result<SolvedCarrier> SolveMotions(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules,
                                   const CarrierSolve& options, const ResumeFolder& folder, int threads,
                                   Progress& progress);

// As SecondsOfMotions(), which calls it.
Result<double> SecondsOfShortestWay(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules,
                                    int threads);

// Adds atoms to the scene's solved motions, and solves all pairs again. REQUIRES: the scene's carrier moves and has no
// atoms. Functions throw what LibTorch throws.
Result<SolvedCarrier> AddAtoms(const Scene& scene, const CarrierSize& size, std::span<const Observation> targets,
                               Nets::Modules& modules, const CarrierSolve& options, const ResumeFolder& folder,
                               int threads, Progress& progress);

}  // namespace kitsink::strict
