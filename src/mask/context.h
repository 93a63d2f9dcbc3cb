#pragma once
// The contexts of a pixel, which the model's counters are indexed by, and the features that its networks see.

#include <array>
#include <cstdint>
#include <span>

#include "mask/hard_measures.h"
#include "mask/match.h"
#include "mask/predictor.h"
#include "mask/surroundings.h"

namespace kitsink {

// How much work a level spends on a pixel; part of the format.
struct LevelShape {
  int easy_contexts, hard_contexts;  // a level uses this many from the start of the lists in context_easy.cc and
                                     // context_hard.cc; without easy contexts every pixel that is not sure is hard
  int hard_selectors;                // of hard pixels, from the start of the list
  int num_networks, hidden;          // networks at hard pixels, and hidden units of each
  int num_directions;                // PredictorShape::num_directions of both predictors
  bool context_trees;                // the prediction of a CtwModel is one more input at hard pixels
};
// REQUIRES: level is 1, 2 or 3; version is one that head.h names.
const LevelShape& ShapeOfLevel(int level, int version);

// The contexts of an easy pixel: all its near neighbours are of one class.
class EasyContexts {
 public:
  static constexpr int kMaxContexts = 14;
  static PredictorShape Shape(const LevelShape& level, int table_bits);
  void Gather(const Surroundings& maps, int x, int y);
  // `candidate` is the class the decision asks for.
  void Set(Predictor& predictor, int candidate) const;

 private:
  std::array<uint32_t, kMaxContexts> hashes_{};
  std::array<int, 3> selected_{};
};

// The contexts of any other pixel.
class HardContexts {
 public:
  static constexpr int kMaxContexts = 42;
  static constexpr int kShortList = 24;  // contexts of level 1, which does not compute the others
  static constexpr int kMaxSelectors = 17;
  static constexpr int kNumRanks = 4;  // decisions of one pixel that are told apart
  static PredictorShape Shape(const LevelShape& level, int table_bits);
  HardContexts(const LevelShape& level, int width)
      : num_selectors_(static_cast<size_t>(level.hard_selectors)),
        long_list_(HasLongList(level)),
        with_features_(level.num_networks > 0),
        previous_matcher_(width),
        warped_matcher_(width) {}
  void StartMap();
  // Saves all that later calls may change and still later ones read.
  void SaveState(Journal& journal) {
    previous_matcher_.SaveState(journal);
    warped_matcher_.SaveState(journal);
  }
  void Gather(const Surroundings& maps, int x, int y);
  // `rank` counts the classes asked for before `candidate`, up to kNumRanks - 1.
  void Set(Predictor& predictor, int rank, int candidate) const;

  // What the networks see, for the pixel given to Gather().
  static constexpr int kNumParts = 24;  // of the picture's width, and of its height
  static constexpr int kNumCells = 106, kNumFeatureMeasures = 44;
  static constexpr int kNumFeatureRows = kNumCells * 16 + kNumFeatureMeasures * 26 + kNumParts * kNumParts;
  std::span<const uint32_t> features() const { return features_; }
  const Measures& measures() const { return measures_; }

 private:
  static bool HasLongList(const LevelShape& level) { return level.hard_contexts > kShortList; }
  void GatherFeatures(const Surroundings& maps, int x, int y);
  size_t num_selectors_;
  bool long_list_, with_features_;
  Matcher previous_matcher_, warped_matcher_;
  Measures measures_;
  std::array<uint32_t, kMaxContexts> hashes_{};
  std::array<int, kMaxSelectors> selected_{};
  std::array<uint32_t, kNumCells + kNumFeatureMeasures + 1> features_{};
};

// Added to a pixel's hashes for each of its decisions.
inline uint32_t DecisionSalt(int rank, int candidate) {
  return static_cast<uint32_t>(rank * 16 + candidate) * 0x2c1b3c6dU;
}

}  // namespace kitsink
