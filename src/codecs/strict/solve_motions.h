#pragma once
// The third stage of compress for a carrier without atoms: finds the motions.

#include <span>

#include "codecs/strict/solve_carrier.h"

namespace kitsink::strict {

// As SolveCarrier(), which calls it. Pairs are independent of each other.
Result<SolvedCarrier> SolveMotions(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules,
                                   const CarrierSolve& options, const ResumeFolder& folder, int threads,
                                   Progress& progress);

}  // namespace kitsink::strict
