#pragma once
// Predicts the class of a pixel by context trees over what is around it (ctw.h).

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/logistic.h"
#include "mask/ctw.h"
#include "mask/hard_measures.h"
#include "mask/surroundings.h"

namespace kitsink {

// A symbol of a context: a measure, or its coarse version, which tells most in few values.
struct Symbol {
  Measure measure;
  bool coarse;
};

// How much of the model is used; a stream uses all of it.
struct CtwShape {
  static constexpr size_t kMaxTrees = 5;
  size_t num_trees = kMaxTrees;           // 1 .. kMaxTrees
  size_t depth = ContextTree::kMaxDepth;  // symbols of a context at most
};

// The trees differ in the order of their contexts. Their predictions are averaged in the logistic domain, with constant
// weights. One more tree, whose context is that average, predicts how far the average can be trusted.
class CtwModel {
 public:
  // A model for a segment of so many pixels. Small clips get small trees.
  CtwModel(const CtwShape& shape, uint64_t pixels);

  // Takes what MeasureShortList() fills.
  void Gather(const Measures& measures);
  // The probability that the pixel given to Gather() is of class `candidate`, in units of 2^-32. `rank` counts the
  // classes asked for before it.
  uint32_t Predict(int rank, int candidate);
  // REQUIRES: Predict() was called for this decision.
  void Update(int bit);
  // From now on `journal` saves what Predict() and Update() change; null: nothing is saved.
  void set_journal(Journal* journal);

 private:
  struct OrderedTree {
    ContextTree tree;
    std::span<const Symbol> order;
    std::array<uint32_t, ContextTree::kMaxDepth> values;  // of the order's symbols at this pixel
  };
  const LogisticTables& tables_;
  int tree_weight_;  // of each tree's stretch, in units of 2^-8
  std::vector<OrderedTree> trees_;
  ContextTree trust_;
};

}  // namespace kitsink
