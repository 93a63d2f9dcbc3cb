#pragma once
// The third stage of compress: finds the carrier whose f0, with the finished f1, makes PoseNet read the target poses.

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "codecs/strict/scene.h"
#include "kitsink/codec.h"
#include "kitsink/nets.h"

namespace kitsink::strict {

// Atoms, grid and range of the basis's codes for a clip. A short clip cannot earn back many codes.
struct CarrierSize {
  uint32_t num_atoms = 12;
  uint32_t grid_height = 24, grid_width = 32;
  int largest_code = 15;  // magnitude
};
CarrierSize CarrierSizeFor(uint64_t num_pairs);
// Of atoms that are added to motions.
CarrierSize AddedAtomsFor(uint64_t num_pairs);

// A carrier without atoms and motion: f0 is f1.
Carrier StillCarrier(uint64_t num_pairs);
// A carrier of grey pictures.
Carrier GreyCarrier(const CarrierSize& size, uint64_t num_pairs);

struct CarrierSolve {
  std::string name = "carrier";  // begins the names of its entries in the job's folder
  uint32_t steps_each = 24;      // of training atoms and coefficients together, for each pair
  uint32_t rounds = 2;           // basis steps, each followed by a solve of all pairs; kept where the error falls
  int largest_code = 15;         // of the basis
  bool new_basis = true;         // false: starts from the scene's basis and coefficients, or from its motions
  double score_per_byte = 0;     // what a byte of the archive costs
  // Until the time limit. When it is over, only what cannot be left out is done.
  std::function<double()> seconds_left = [] { return INFINITY; };
};

struct SolvedCarrier {
  Carrier carrier;
  std::vector<uint8_t> selector;
  double error = 0;  // mean squared pose error over the pairs
};

// Adds atoms to the scene's motions and solves all pairs again. REQUIRES: as SolveCarrier; the carrier moves, without
// atoms.
Result<SolvedCarrier> SolveAddedAtoms(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                      const CarrierSolve& options, const ResumeFolder& folder, int threads,
                                      Progress& progress);

// What the shortest way to all pairs' motions takes one process, by the clock, from the time of a part of it.
// REQUIRES: the carrier moves; a target for each pair.
Result<double> SecondsOfMotions(const Scene& scene, std::span<const Observation> targets, Nets& nets, int threads);

// Keeps each solved pair in the job's folder. REQUIRES: a target for each pair of the scene.
Result<SolvedCarrier> SolveCarrier(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                   const CarrierSolve& options, const ResumeFolder& folder, int threads,
                                   Progress& progress);

}  // namespace kitsink::strict
