#pragma once
// Gradient search against the frozen nets: the frames of a pair, at inflate.

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "codecs/search/selectors.h"
#include "kitsink/frame.h"
#include "kitsink/nets.h"
#include "kitsink/result.h"
#include "kitsink/score.h"

namespace kitsink::search {

// Where the searched variable lives. kModel: the 384 x 512 grid that the nets read, written through an exact
// pre-image (kitsink/kernels.h). kCamera: the written frame itself, through straight-through rounding and the scorer's
// resize; the only choice for frames less than twice the model grid.
enum class SearchGrid { kAuto, kModel, kCamera };

// Test-time Adam for one batch of pairs, in three stages: pose-only steps on f0, steps on
// f1 for class map and pose, then pose-only steps on f0 again, which SegNet does not read, to take up what is left.
// No constant depends on the clock.
struct SearchOptions {
  uint32_t prepass_steps = 8;  // on f0, before
  uint32_t steps = 80;         // on f1; 0 = no search at all
  uint32_t repair_steps = 8;   // on f0, after
  SearchGrid grid = SearchGrid::kAuto;
  double learning_rate = 0.5;  // grey levels per step where the gradient is large
  double margin = 0.25;        // logits by which the wanted class must lead
  uint32_t band_radius = 2;    // pixels around a class boundary in which the margin is asked for
  double seg_weight = 10;      // of the mean hinge over the band, logits
  double pose_weight = 3;      // of the mean squared pose error, from 1e-3 on of its root; f0 takes up the rest
  // Asked before every step; true ends the search with the best frames so far. Empty: the plan is carried out.
  std::function<bool()> stop;
  uint32_t total_steps() const { return steps == 0 ? 0 : prepass_steps + steps + repair_steps; }
};

// Selector codes that steer the search of one pair; 0 changes nothing.
struct PairCodes {
  uint8_t start_seed = 0, pose_factor = 0, loss_control = 0;
  uint8_t& of(TailKind kind);
};
PairCodes CodesOf(const SelectorTable& table, size_t pair);

// What the archive asks of one pair.
struct PairTarget {
  std::span<const uint8_t> class_map;  // kModelGrid
  std::array<float, kPoseValues> pose{};
  PairCodes codes;
};

struct SearchedPair {
  FramePair frames;       // as good as the start or better, by the scorer's own arithmetic on uint8 frames
  PairDistortion before;  // of the start, against the target
  PairDistortion after;
  uint32_t steps_run = 0;  // of total_steps(); fewer when `stop` ended the search
  // The best so far after 0, 1 .. steps_run steps; the last is `after`, the others are in the search's own arithmetic,
  // before frames are written. Steps on f0 leave seg as it was.
  std::vector<PairDistortion> curve;
};

// Searches the frames of each pair. One result per pair, in order; a pair's result depends on its own start and
// target alone (and on float noise of the batch's size). Pairs may number 1 .. any; all are held at once.
Result<std::vector<SearchedPair>> SearchFrames(std::vector<FramePair> start, std::span<const PairTarget> targets,
                                               Nets& nets, const SearchOptions& options);

}  // namespace kitsink::search
