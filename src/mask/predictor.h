#pragma once
// Mixes the adaptive probabilities of many contexts into one prediction, and learns from each decision.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/logistic.h"
#include "mask/mixing.h"

namespace kitsink {

// The shape of a predictor; part of the format.
struct PredictorShape {
  int num_contexts = 0;
  int table_bits = 18;              // log2 of the counters of one context
  std::vector<int> selector_sizes;  // number of values of each selector; each value has a weight vector
  int extra_inputs = 0;             // predictions (stretches) from the caller
};

class Predictor {
 public:
  explicit Predictor(const PredictorShape& shape);

  int num_contexts() const { return num_contexts_; }
  // Selects the counters and weight vectors, and sets the extra inputs, of the next decision.
  void SetContext(int index, uint32_t hash) {
    const size_t slot = (static_cast<size_t>(index) << table_bits_) + (hash * 0x9e3779b1U >> (32 - table_bits_));
    slots_[static_cast<size_t>(index)] = slot;
    __builtin_prefetch(counters_.data() + slot);
  }
  void SetSelector(int index, int value) { selected_[static_cast<size_t>(index)] = value; }
  void SetExtra(int index, int stretch) { inputs_[static_cast<size_t>(first_extra_ + index)] = stretch; }

  // The probability of a one, in units of 2^-32, for the current contexts, selectors and extra inputs.
  uint32_t Predict();
  // REQUIRES: Predict() was called for this decision.
  void Update(int bit);

 private:
  int32_t* Weights(size_t selector) {
    return weights_.data() + (selector_offset_[selector] + static_cast<size_t>(selected_[selector])) * padded_inputs_;
  }
  const LogisticTables& tables_;
  const MixingKernels& kernels_;
  int num_contexts_, table_bits_, first_extra_;
  size_t padded_inputs_, padded_sets_;
  std::vector<uint32_t> counters_;  // 22 bits of probability, 3 of history, 7 of count
  std::vector<uint32_t> refined_;   // probability of a one after a state of a counter, in units of 2^-32
  std::vector<size_t> slots_;
  std::vector<uint32_t*> refined_slots_;
  std::vector<int32_t> inputs_;
  std::vector<size_t> selector_offset_;
  std::vector<int> selected_;
  std::vector<int32_t> weights_;
  std::vector<uint32_t> uses_;        // updates of each weight vector, for its learning rate
  std::vector<int32_t> set_outputs_;  // stretches
  std::vector<int32_t> set_errors_;
  std::vector<int32_t> final_weights_;
  uint32_t p_final_ = 0;
};

}  // namespace kitsink
