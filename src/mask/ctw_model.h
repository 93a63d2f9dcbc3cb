#pragma once
// Predicts the class of a pixel by context trees over what is around it (ctw.h).

#include <array>
#include <cstddef>
#include <cstdint>

#include "kitsink/logistic.h"
#include "mask/ctw.h"
#include "mask/hard_measures.h"
#include "mask/surroundings.h"

namespace kitsink {

// The trees differ in the order of their contexts. Their predictions are averaged in the logistic domain, with constant
// weights.
class CtwModel {
 public:
  static constexpr size_t kNumTrees = 3;
  static constexpr int kNumRanks = 4;  // decisions of one pixel that are told apart

  // A model for a segment of so many pixels. Small clips get small trees.
  explicit CtwModel(uint64_t pixels);

  void Gather(const Surroundings& maps, int x, int y);
  // The probability that the pixel given to Gather() is of class `candidate`, in units of 2^-32. `rank` counts the
  // classes asked for before it.
  uint32_t Predict(int rank, int candidate);
  // REQUIRES: Predict() was called for this decision.
  void Update(int bit);

 private:
  const LogisticTables& tables_;
  std::array<ContextTree, kNumTrees> trees_;
  Measures measures_;
  std::array<std::array<uint32_t, ContextTree::kMaxDepth>, kNumTrees> symbols_{};
};

}  // namespace kitsink
