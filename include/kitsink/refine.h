#pragma once
// Gradient search against the frozen nets: frames at inflate, generator weights at compress.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/frame.h"
#include "kitsink/log.h"
#include "kitsink/nets.h"
#include "kitsink/result.h"
#include "kitsink/score.h"
#include "kitsink/selectors.h"
#include "kitsink/train.h"

namespace kitsink {

// Where the searched variable lives. kModel: the 384 x 512 grid that the nets read, written through an exact
// pre-image (nets/preimage.h). kCamera: the written frame itself, through straight-through rounding and the scorer's
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
  std::array<float, 6> pose{};
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

// How many codes of the selector tails compress tries: none, some (10 searches per pair and one more) or all (29).
enum class SelectorEffort { kNone, kFast, kFull };

// Plays the decoder: the distortion, against the original, of each pair of the clip searched with its codes.
using PlaySearch = std::function<Result<std::vector<PairDistortion>>(std::span<const PairCodes> codes)>;

// What a tail was worth: the fall of 100 * seg + sqrt(10 * pose) over the clip, measured, against its bytes.
struct TailGain {
  TailKind kind = TailKind::kStartSeed;
  uint64_t bytes = 0;
  double gain = 0;
  bool kept = false;  // the gain beats the bytes
};

struct SelectorChoice {
  SelectorTable table;
  std::vector<TailGain> gains;  // of every tail that was tried
  MeanDistortion distortion;    // of the whole clip with the table; zero for kNone
};

// How many searches ChooseSelectors asks for.
uint64_t CountSearches(size_t num_pairs, SelectorEffort effort);
Result<SelectorChoice> ChooseSelectors(size_t num_pairs, SelectorEffort effort, double score_per_byte,
                                       const PlaySearch& play);

// How the generator is trained on a clip.
struct FitOptions {
  GeneratorShape shape;
  uint32_t steps = 1000;        // optimiser steps; 0 keeps the seeded start
  uint32_t batch_size = 2;      // pairs per step
  double learning_rate = 4e-3;  // peak, after warm-up; cosine to zero
  double qat_from = 0.4;        // share of the steps after which weights are FP4 in the forward pass
  double pose_weight = 30;      // of the same pose error as the search's, against 100 * seg-like terms
  double error_boost = 9;       // extra weight of wrongly classified pixels
  double ema_decay = 0.99;
  uint64_t seed = 0;
};

// What the nets read in one pair of the original, each run once: the scene's targets and the fit's teacher.
struct TeacherReading {
  Observation observation;
  std::vector<uint16_t> logits;  // SegNet's on f1, half precision: 2 MB
};
Result<std::vector<TeacherReading>> ReadTeacher(Nets& nets, std::span<const FramePair> pairs);

// Of a fit; what was saved belongs to the same options, pairs, mask and pose.
using FitCheckpoint = Checkpoint;

// Fits generator weights to one clip: AddPair for the whole clip in order, then Fit once.
class WeightFitter {
 public:
  // Frames are `frame_size`.
  static Result<std::unique_ptr<WeightFitter>> Create(Nets& nets, FrameSize frame_size, const FitOptions& options);
  virtual ~WeightFitter() = default;
  virtual void AddPair(const TeacherReading& reading) = 0;
  // The best quantised weights seen, by the scorer's distortion of render-only frames over the clip.
  // REQUIRES: as many pairs were added as `mask` has maps and `pose` has rows.
  virtual Result<WeightSet> Fit(const MaskClip& mask, const Track& pose, const FitCheckpoint& checkpoint,
                                Progress& progress) = 0;
};

}  // namespace kitsink
