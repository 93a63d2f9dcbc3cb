#pragma once
// The stage of compress that moves single codes of the decoder to neighbouring ones where bytes and distortion together
// gain. Gradients propose; the archive's score decides.

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "codecs/hnerv/measure.h"
#include "codecs/hnerv/scene.h"
#include "kitsink/nets.h"
#include "kitsink/run.h"

namespace kitsink::hnerv {

struct WeightRounding {
  std::string name = "weights";  // begins the names of its entries in the job's folder
  uint32_t rounds = 4;           // at most
  // The scene's score through the bytes of its archive.
  std::function<Result<MeasuredScene>(const Scene&)> measure;
  // Until the time limit: no round begins that would end after it.
  std::function<double()> seconds_left = [] { return INFINITY; };
};

// What a round did.
struct WeightRound {
  uint64_t proposed = 0, made = 0;  // moves of codes
  int64_t paid_bytes = 0;           // growth of the archive
  double gain = 0;                  // of score
};

struct RoundedScene {
  Scene scene;
  std::vector<WeightRound> rounds;
};

// Rounds of moves. A round differentiates the distortion by every code, orders the moves that make the archive smaller
// and the distortion too, and makes the best of some nested sets of them, if it lowers the archive's score. It ends
// when none does, or a round gains less than 1e-4 of the score. Keeps gradients and scores in the job's folder.
// REQUIRES: a target for each pair.
Result<RoundedScene> RoundWeights(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                  const WeightRounding& options, const ResumeFolder& folder, Progress& progress);

}  // namespace kitsink::hnerv
