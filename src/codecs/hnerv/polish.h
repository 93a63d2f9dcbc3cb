#pragma once
// The stage of compress that changes the stored codes of single pairs where that lowers the score, by search: nothing
// is assumed about a change that was not rendered, read by the nets and coded.

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "codecs/hnerv/changes.h"
#include "codecs/hnerv/measure.h"
#include "codecs/hnerv/scene.h"
#include "kitsink/codec.h"
#include "kitsink/nets.h"

namespace kitsink::hnerv {

struct Polishing {
  std::string name = "polish";  // begins the names of its entries in the job's folder
  uint32_t rounds = 8;          // at most
  uint32_t candidates = 32;     // changes of a pair that a round renders, rounded up to whole batches of the scorer
  // The scene's score through the bytes of its archive.
  std::function<Result<MeasuredScene>(const Scene&)> measure;
  std::function<double()> seconds_left = [] { return INFINITY; };  // 0 or less: nothing more is rendered
};

struct ChangeCounts {
  uint64_t codes = 0, corrections = 0, modes = 0;
};
// What a round did.
struct PolishRound {
  ChangeCounts tried, made;  // rendered; made in the scene
  int64_t paid_bytes = 0;    // growth of the archive
  // Scores after the round: from the single pairs' frames and the coded section, and through the whole archive.
  double predicted = 0, measured = 0;
  bool kept = false;  // measured is lower than before
};

struct PolishedScene {
  Scene scene;
  std::vector<PolishRound> rounds;
};

// Rounds of changes. A round renders candidates of every pair, and makes at most one change of a pair: the pairs whose
// best ones together lower the score most, with the section of the latents coded anew. It ends when no round is left,
// or a round finds no candidates. A prediction that is missed by more than 1e-6 of score, relative to a score above 1,
// is warned of; what was measured decides. Keeps each pair of each round in the job's folder. REQUIRES: a target for
// each pair of the scene.
Result<PolishedScene> Polish(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                             const Polishing& options, const ResumeFolder& folder, int threads, Progress& progress);

}  // namespace kitsink::hnerv
