#pragma once
// A small neural network trained online: sparse inputs, one hidden layer, one output for each kind of decision.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/logistic.h"
#include "mask/journal.h"
#include "mask/mixing.h"

namespace kitsink {

struct NetworkShape {
  int num_rows = 0;     // input features, each 0 or 1
  int num_hidden = 32;  // a multiple of kLanes
  int num_outputs = 1;
};

class Network {
 public:
  Network(const NetworkShape& shape, uint32_t seed);
  // Sets the features that are 1 at this pixel.
  void SetInput(std::span<const uint32_t> rows);
  // The prediction of output `output`, as a stretch. REQUIRES: SetInput() was called.
  int Predict(int output);
  // Trains on the decision of the last Predict().
  void Update(int bit);
  // From now on `journal` saves what Update() changes; null: nothing is saved.
  void set_journal(Journal* journal) { journal_ = journal; }

 private:
  void SaveState();
  const LogisticTables& tables_;
  const MixingKernels& kernels_;
  size_t num_hidden_;
  std::vector<int32_t> first_;   // num_rows x num_hidden, units of 2^-22
  std::vector<int32_t> second_;  // num_outputs x (num_hidden + kLanes), units of 2^-kWeightBits; last lanes: bias
  std::vector<int32_t> sums_, hidden_, step_;
  std::vector<uint32_t> rows_;
  std::vector<uint32_t> uses_;  // of each row, for its learning rate
  const std::array<int32_t, 1024>& row_rates_;
  int32_t* output_ = nullptr;
  int stretch_ = 0;
  Journal* journal_ = nullptr;
};

}  // namespace kitsink
