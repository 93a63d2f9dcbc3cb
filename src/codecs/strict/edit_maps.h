#pragma once
// The fourth stage of compress: edits the class maps where that lowers the score. The renderer decides what SegNet
// reads, so the stored map may differ from the original's.

#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codecs/strict/measure.h"
#include "codecs/strict/scene.h"
#include "kitsink/codec.h"
#include "kitsink/nets.h"

namespace kitsink::strict {

inline constexpr size_t kMostBlocks = 16, kPairsOfABlock = 8;

struct MapEditing {
  std::string name = "edits";  // begins the names of its entries in the job's folder
  uint32_t rounds = 2;         // over all maps at most
  uint32_t passes = 4;         // over a map in a round at most
  double least_gain = 1e-4;    // of score; a round that gains less is the last
  uint64_t original_bytes = 0;
  // The scene's score through the bytes of its archive.
  std::function<Result<MeasuredMember>(const Scene&)> measure;
  std::optional<MeasuredMember> measured = {};  // of the scene, where it is known
  // Until the time limit. When too little is left, the pairs that follow keep their maps.
  std::function<double()> seconds_left = [] { return INFINITY; };
};

// What a round did. Pixels, errors and the price are of the edits that it made, whether they were kept or not.
struct EditRound {
  int64_t pixels = 0;                           // that changed class
  int64_t errors_before = 0, errors_after = 0;  // wrong pixels of all pairs
  double price_bits = 0;                        // sum of the maps' prices
  int64_t paid_bytes = 0;                       // growth of the section of the maps
  double gain = 0;                              // of the whole score
  bool kept = false;                            // gain > 0
};

struct EditedScene {
  Scene scene;
  MeasuredMember measured;
  std::vector<EditRound> rounds;
};

// Rounds of edits to all maps, each followed by a solve of the coefficients of the pairs whose f1 changed and by a
// choice of the pairs that keep their edits. A round is kept when the archive's score falls. Keeps each pair in the
// job's folder. Blocks of pairs, at most kMostBlocks, know of each other's edits only from the rounds before: processes
// share the blocks out. REQUIRES: a target for each pair of the scene.
Result<EditedScene> EditMaps(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                             const MapEditing& options, const ResumeFolder& folder, int threads, Progress& progress);

// A pair before and after its edits.
struct EditedPair {
  int64_t errors_before = 0, errors_after = 0;  // wrong pixels
  double pose_before = 0, pose_after = 0;       // mean squared pose error
  double bits = 0;                              // price of the edits
  bool changed = false;
};
// The pairs that keep their edits: those without whose edits the score would rise, found by dropping one pair after
// another. The price of a bit is a score.
std::vector<bool> ChoosePairs(std::span<const EditedPair> pairs, double map_pixels, double score_per_bit);

}  // namespace kitsink::strict
