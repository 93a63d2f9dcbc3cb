#pragma once
// Mixes the adaptive probabilities of many contexts into one prediction, and learns from each decision.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kitsink/logistic.h"
#include "mask/directions.h"
#include "mask/journal.h"
#include "mask/mixing.h"

namespace kitsink {

// The shape of a predictor; part of the format.
struct PredictorShape {
  int num_contexts = 0;
  int table_bits = 18;              // log2 of the counters of one context
  std::vector<int> selector_sizes;  // number of values of each selector; each value has a weight vector
  int extra_inputs = 0;             // predictions (stretches) from the caller
  int num_directions = 0;           // that steps of the weights leave out (directions.h); 0: the mixing of version 1
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
  // From now on `journal` saves what Update() changes; null: nothing is saved.
  void set_journal(Journal* journal) { journal_ = journal; }

 private:
  void SaveState();
  // The weight vector that a selector has chosen, of the first mixers and of the last.
  int32_t* Weights(size_t selector) {
    return weights_.data() + (selector_offset_[selector] + static_cast<size_t>(selected_[selector])) * padded_inputs_;
  }
  int32_t* FinalWeights() {
    return final_weights_.data() + (directions_ ? static_cast<size_t>(selected_[0]) * padded_sets_ : 0);
  }
  // The inputs and set outputs by which weights take their steps.
  const int32_t* InputsToLearn();
  const int32_t* SetOutputsToLearn();

  const LogisticTables& tables_;
  // By precision of the weights.
  int32_t (*dot_)(const int32_t*, const int32_t*, int);
  void (*train_)(int32_t*, const int32_t*, int, int32_t);
  int32_t (*step_)(int32_t error, int rate);
  int weight_bits_;
  int num_contexts_, table_bits_, first_extra_;
  size_t padded_inputs_, padded_sets_;
  std::vector<uint32_t> counters_;  // 22 bits of probability, 3 of history, 7 of count
  std::vector<uint32_t> refined_;   // probability of a one after a state of a counter, in units of 2^-32
  std::vector<size_t> slots_;
  std::vector<uint32_t*> refined_slots_;
  std::vector<int32_t> inputs_;
  std::optional<Directions> directions_;  // none in version 1
  std::vector<int32_t> reduced_;          // inputs, or set outputs, without their common parts
  std::vector<size_t> selector_offset_;
  std::vector<int> selected_;
  std::vector<int32_t> weights_;
  std::vector<uint32_t> uses_;        // updates of each weight vector, for its learning rate
  std::vector<int32_t> set_outputs_;  // stretches
  std::vector<int32_t> set_errors_;
  std::vector<int32_t> final_weights_;
  uint32_t p_final_ = 0;
  Journal* journal_ = nullptr;
};

}  // namespace kitsink
