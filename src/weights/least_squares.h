#pragma once
// Linear regression of integers on integers that is solved again and again as samples arrive.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/real.h"

namespace kitsink {

class LeastSquares {
 public:
  // The ridge is a number of samples of input 1 and target 0, each of full weight.
  LeastSquares(size_t num_inputs, int64_t ridge);
  // In the target's units, at most kMaxMean in magnitude. REQUIRES: inputs.size() == num_inputs.
  int Predict(std::span<const int> inputs) const;
  // Adds a sample. REQUIRES: inputs and target below 2^10 in magnitude, 0 <= weight <= kFullWeight, at most 2^24
  // samples.
  void Learn(std::span<const int> inputs, int target, int64_t weight);
  // What was learned so far counts for less from now on.
  void Fade();

  static constexpr int64_t kFullWeight = 1 << 16;
  static constexpr int kMaxMean = 200;

 private:
  void Solve();

  size_t size_;
  int64_t ridge_;
  std::vector<int64_t> sums_;     // size x size, lower triangle: weighted sums of products of inputs
  std::vector<int64_t> targets_;  // weighted sums of products with the target
  std::vector<int32_t> slopes_;   // in units of 2^-16
  size_t num_samples_ = 0;
  std::vector<Real> factor_, left_, solution_;
};

}  // namespace kitsink
