#pragma once
// What the model sees around a pixel, and the contexts and features made of it.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "mask/map_tables.h"
#include "mask/match.h"
#include "mask/predictor.h"

namespace kitsink {

// How much work a level spends on a pixel; part of the format.
struct LevelShape {
  int easy_contexts, hard_contexts;  // the first so many of the lists in context_easy.cc and context_hard.cc;
                                     // without easy contexts every pixel that is not sure counts as hard
  int num_networks, hidden;          // at hard pixels, and the hidden units of each
};
const LevelShape& ShapeOfLevel(int level);

// The maps a pixel is predicted from. `warped` is the previous map after motion compensation.
struct Surroundings {
  const MapTables* current;
  const MapTables* previous;
  const MapTables* older;
  const MapTables* warped;
};

// The contexts of a pixel that all its near neighbours agree on.
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
  static constexpr int kMaxContexts = 40;
  static constexpr int kShortList = 24;  // contexts of level 1; the others are not even made there
  static constexpr int kNumRanks = 4;    // decisions of one pixel that are told apart
  static PredictorShape Shape(const LevelShape& level, int table_bits);
  HardContexts(const LevelShape& level, int width)
      : long_list_(HasLongList(level)),
        with_features_(level.num_networks > 0),
        previous_matcher_(width),
        warped_matcher_(width) {}
  void StartMap();
  void Gather(const Surroundings& maps, int x, int y);
  // `rank` counts the classes asked for before `candidate`, up to kNumRanks - 1.
  void Set(Predictor& predictor, int rank, int candidate) const;

  // What the network sees, for the pixel given to Gather().
  static constexpr int kNumParts = 24;  // of the picture's width, and of its height
  static constexpr int kNumFeatureRows = 106 * 16 + 44 * 26 + kNumParts * kNumParts;
  std::span<const uint32_t> features() const { return features_; }

 private:
  static bool HasLongList(const LevelShape& level) { return level.hard_contexts > kShortList; }
  void GatherFeatures(const Surroundings& maps, int x, int y, std::span<const uint32_t> measures);
  bool long_list_, with_features_;
  Matcher previous_matcher_, warped_matcher_;
  std::array<uint32_t, kMaxContexts> hashes_{};
  std::array<int, 11> selected_{};
  std::vector<uint32_t> features_;
};

// Hashes of small integers; the first names the context.
inline uint32_t MixHash(uint32_t hash, uint32_t value) {
  hash = (hash ^ value) * 0x85ebca6bU;
  return hash ^ (hash >> 15);
}
template <typename... Values>
uint32_t HashOf(uint32_t first, Values... rest) {
  uint32_t hash = first * 0x9e3779b1U + 0x7f4a7c15U;
  ((hash = MixHash(hash, static_cast<uint32_t>(rest))), ...);
  return hash;
}
// Added to a pixel's hashes for each of its decisions.
inline uint32_t DecisionSalt(int rank, int candidate) {
  return static_cast<uint32_t>(rank * 16 + candidate) * 0x2c1b3c6dU;
}

// An edge distance in 26 steps, fine near zero: 12 is just here, 0 far left, 24 far right, kNoStep none.
inline constexpr uint32_t kNumSteps = 26, kNoStep = 25;
constexpr std::array<uint8_t, 512> MakeSteps() {
  std::array<uint8_t, 512> steps{};
  for (int distance = -255; distance <= 255; ++distance) {
    const int m = distance > 0 ? distance - 1 : -distance;
    const int far = m < 7 ? m : m < 9 ? 7 : m < 12 ? 8 : m < 17 ? 9 : m < 28 ? 10 : m < 60 ? 11 : 12;
    steps[static_cast<size_t>(distance + 255)] = static_cast<uint8_t>(distance > 0 ? 13 + std::min(far, 11) : 12 - far);
  }
  steps[static_cast<size_t>(kNoEdge + 255)] = kNoStep;
  return steps;
}
inline uint32_t QuantizeDistance(int distance) {
  static constexpr std::array<uint8_t, 512> kSteps = MakeSteps();
  return kSteps[static_cast<size_t>(distance + 255)];
}

// Where class a's run ends in a row, quantised, and the class beyond.
struct Edge {
  int distance;
  uint32_t step;
  uint32_t key;  // step and class beyond
};
inline Edge FindEdge(const MapTables& map, int y, int x, int a) {
  const int distance = EdgeDistance(map, y, x, a);
  const uint32_t beyond = map.ids.Row(y)[distance > 0 && distance < kFarRun ? x + distance : x];
  const uint32_t step = QuantizeDistance(distance);
  return {distance, step, step * 17 + beyond};
}

}  // namespace kitsink
