// Linear regression by exact sums and a factorisation in integer arithmetic.

#include "weights/least_squares.h"

#include <algorithm>

namespace kitsink {
namespace {

constexpr size_t kSamplesPerSolution = 64;  // 256 cost 30 bytes on the published decoder

}  // namespace

LeastSquares::LeastSquares(size_t num_inputs, int64_t ridge)
    : size_(num_inputs),
      ridge_(ridge * kFullWeight),
      sums_(num_inputs * num_inputs),
      targets_(num_inputs),
      slopes_(num_inputs),
      factor_(num_inputs * num_inputs),
      left_(num_inputs),
      solution_(num_inputs) {}

int LeastSquares::Predict(std::span<const int> inputs) const {
  int64_t sum = 0;
  for (size_t i = 0; i < size_; ++i) sum += int64_t{slopes_[i]} * inputs[i];
  return static_cast<int>(std::clamp<int64_t>((sum + (1 << 15)) >> 16, -kMaxMean, kMaxMean));
}

void LeastSquares::Learn(std::span<const int> inputs, int target, int64_t weight) {
  for (size_t i = 0; i < size_; ++i) {
    const int64_t weighted = inputs[i] * weight;
    if (weighted == 0) continue;
    int64_t* const sums = sums_.data() + i * size_;
    for (size_t j = 0; j <= i; ++j) sums[j] += weighted * inputs[j];
    targets_[i] += weighted * target;
  }
  if (++num_samples_ % kSamplesPerSolution == 0) Solve();
}

void LeastSquares::Fade() {
  for (int64_t& sum : sums_) sum = sum * 5 / 16;
  for (int64_t& sum : targets_) sum = sum * 5 / 16;
}

// With the sums S = L D L^T, solves L y = targets and then L^T slopes = y / D.
void LeastSquares::Solve() {
  for (size_t i = 0; i < size_; ++i) {
    Real* const row = factor_.data() + i * size_;
    Real left(sums_[i * size_ + i] + ridge_);
    Real right(targets_[i]);
    for (size_t j = 0; j < i; ++j) {
      Real scaled(sums_[i * size_ + j]);  // L_ij D_j
      for (size_t k = 0; k < j; ++k) scaled = scaled - row[k] * left_[k] * factor_[j * size_ + k];
      row[j] = scaled / left_[j];
      left = left - scaled * row[j];
      right = right - row[j] * solution_[j];
    }
    left_[i] = Max(left, Real(1));  // rounding must not make it negative
    solution_[i] = right;
  }
  for (size_t i = size_; i-- > 0;) {
    Real slope = solution_[i] / left_[i];
    for (size_t k = i + 1; k < size_; ++k) slope = slope - factor_[k * size_ + i] * solution_[k];
    solution_[i] = slope;
    slopes_[i] = static_cast<int32_t>(slope.ToFixed(16, 1 << 20));
  }
}

}  // namespace kitsink
