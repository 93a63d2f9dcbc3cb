#pragma once
// Gradient search at inflate: finds the frames of a pair with the frozen nets.

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

// The grid of the searched variable. kModel: the 384 x 512 grid that the nets read, written through WritePreimage
// (kitsink/kernels.h). kCamera: the written frame itself, through straight-through rounding and the scorer's resize;
// the only choice for frames of less than twice the model grid's size.
enum class SearchGrid { kAuto, kModel, kCamera };

// Adam at inflate for one batch of pairs, in three stages: steps on f0 for the pose, steps on f1 for class map and
// pose, then steps on f0 for the remaining pose error. SegNet does not read f0. No constant depends on time.
struct SearchOptions {
  uint32_t prepass_steps = 8;  // on f0, before
  uint32_t steps = 80;         // on f1; 0 = no search at all
  uint32_t repair_steps = 8;   // on f0, after
  SearchGrid grid = SearchGrid::kAuto;
  double learning_rate = 0.5;  // grey levels per step where the gradient is large
  double margin = 0.25;        // logits by which the target class must lead
  uint32_t band_radius = 2;    // pixels; the margin counts only this close to a class boundary
  double seg_weight = 10;      // of the mean hinge over the band, logits
  double pose_weight = 3;      // of the mean squared pose error; above 1e-3, of its root; f0 corrects the rest
  // Called before every step; true ends the search with the best frames so far. Empty: all steps are done.
  std::function<bool()> stop;
  uint32_t total_steps() const { return steps == 0 ? 0 : prepass_steps + steps + repair_steps; }
};

// Selector codes that steer the search of one pair; 0 changes nothing.
struct PairCodes {
  uint8_t start_seed = 0, pose_factor = 0, loss_control = 0;
  uint8_t& of(TailKind kind);
};
PairCodes CodesOf(const SelectorTable& table, size_t pair);

// The archive's targets for one pair.
struct PairTarget {
  std::span<const uint8_t> class_map;  // kModelGrid
  std::array<float, kPoseValues> pose{};
  PairCodes codes;
};

struct SearchedPair {
  FramePair frames;       // at least as good as the start, by the scorer's arithmetic on uint8 frames
  PairDistortion before;  // of the start, against the target
  PairDistortion after;
  uint32_t steps_run = 0;  // of total_steps(); fewer when `stop` ended the search
  // The best distortion after 0, 1 .. steps_run steps. The last is `after`; the others come from the search's own
  // arithmetic, before frames are written. Steps on f0 do not change seg.
  std::vector<PairDistortion> curve;
};

// Searches the frames of each pair. One result per pair, in order. A pair's result depends only on its own start and
// target, apart from rounding that varies with the batch size. REQUIRES: at least one pair; all are in memory at once.
Result<std::vector<SearchedPair>> SearchFrames(std::vector<FramePair> start, std::span<const PairTarget> targets,
                                               Nets& nets, const SearchOptions& options);

}  // namespace kitsink::search
