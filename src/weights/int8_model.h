#pragma once
// The adaptive model of int8 codes, for both directions.

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kitsink/logistic.h"
#include "weights/int8_context.h"
#include "weights/level_density.h"

namespace kitsink {

// A code is 8 decisions: the bits of code + 128, highest first. Trained codes populate few levels, so probabilities of
// single levels must be learned.
class Int8Model {
 public:
  Int8Model();
  // Begins a tensor of `num_codes` codes; `vector` says whether it has a single column.
  void StartTensor(size_t num_codes, bool vector);

  // Codes one code. Decoding ignores `code`. Adds the cost to `bits` unless it is null.
  template <typename Coder>
  int Code(Coder& coder, const CodePrediction& prediction, int code, double* bits) {
    Begin(prediction);
    const int level = code + kNumLevels / 2;
    for (int depth = 0; depth < kDepth; ++depth) {
      const uint32_t p_one = Predict();
      const int bit = coder.Code(level >> (kDepth - 1 - depth) & 1, p_one);
      if (bits != nullptr) *bits -= std::log2((bit != 0 ? p_one : 0x1p32 - p_one) * 0x1p-32);
      Update(bit);
    }
    return End();
  }

 private:
  static constexpr int kDepth = 8;
  static constexpr size_t kNumDensities = 3, kNumInputs = kNumDensities + 3;
  static constexpr size_t kNumRatios = 5, kNumCounts = 14, kNumNeighbours = 82, kNumKinds = 3;

  // A probability of kProbabilityBits that moves by 1/(n + 1.5) of the error after n decisions.
  struct Counter {
    int32_t p_one = 1 << (kProbabilityBits - 1);
    int32_t count = 0;
    void Update(int bit);
  };
  struct WeightSet {
    std::array<int32_t, kNumInputs> weights;  // in units of 2^-16
    int32_t uses = 0;
  };

  void Begin(const CodePrediction& prediction);
  uint32_t Predict();
  void Update(int bit);
  int End();
  Counter* ParityCounter();
  WeightSet* ChooseWeights();

  const LogisticTables& tables_;
  std::array<LevelDensity, kNumDensities> densities_;
  std::array<Counter, kNumLevels> nodes_;
  std::array<std::array<Counter, kNumLevels>, kNumRatios> nodes_by_ratio_;
  std::vector<Counter> parities_;
  std::vector<WeightSet> weight_sets_;  // by depth, how often the node was seen, and kind of tensor
  size_t kind_ = 0;

  // Of the current code.
  size_t ratio_ = 0;
  uint32_t node_ = 1;
  int depth_ = 0;
  std::array<int32_t, kNumInputs> inputs_{};
  WeightSet* set_ = nullptr;
  int stretch_ = 0;  // in units of 1/2048
  Counter* parity_ = nullptr;
};

}  // namespace kitsink
