// Online least squares in integer arithmetic.

#include "entropy/row_predictor.h"

#include <algorithm>

#include "kitsink/result.h"

namespace kitsink {
namespace {

// Multiply-adds that the factorisations of a table may take together, some seconds; larger tables are factored only
// after several rows.
constexpr uint64_t kFactorBudget = 500'000'000;

}  // namespace

RowPredictor::RowPredictor(const RowPredictorOptions& options)
    : options_(options),
      size_(1 + options.num_past + options.num_columns),
      rows_per_factorisation_(1 + uint64_t{size_} * size_ * size_ / 6 * options.num_rows / kFactorBudget),
      sums_(size_ * size_),
      factor_(size_ * size_),
      left_(size_, Real(1)),
      ratio_(options.num_columns, Real(1)) {}

Real RowPredictor::Mean() const {
  const Real* const row = factor_.data() + row_.size() * size_;
  Real mean;
  for (size_t j = 0; j < row_.size(); ++j) mean = mean + row[j] * errors_[j];
  return mean;
}

void RowPredictor::Append(Real value, Real error) {
  surprise_ = surprise_ + error * error / left_[row_.size()];
  row_.push_back(value);
  errors_.push_back(error);
}

void RowPredictor::StartRow(std::span<const Real> past) {
  KIT_CHECK(past.size() == options_.num_past);
  row_.clear();
  errors_.clear();
  surprise_ = Real();
  Append(Real(1), Real(1));
  for (const Real value : past) Append(value, value - Mean());
}

Prediction RowPredictor::Predict(Real start) const {
  if (num_rows_ < 2) return {Mean(), start};
  const size_t i = row_.size();
  const Real usual = left_[i] / sums_[0] * ratio_[i - 1 - options_.num_past];
  return {Mean(), usual + usual * Min(surprise_, Real(1))};
}

void RowPredictor::Observe(const Prediction& prediction, Real value) {
  const size_t i = row_.size();
  const Real error = value - prediction.mean;
  if (num_rows_ >= 2) {
    Real& ratio = ratio_[i - 1 - options_.num_past];
    const auto window = static_cast<int64_t>(std::min<size_t>(num_rows_ + 20, 50));
    const Real seen = Min(error * error / prediction.variance, Real(25)) * ratio;
    ratio = ratio + (seen - ratio) / Real(window);
  }
  Append(value, error);
}

void RowPredictor::FinishRow() {
  KIT_CHECK(row_.size() == size_);
  const Real keep = options_.forgetting == 0 ? Real(1) : Real(1) - Real(1, -options_.forgetting);
  for (size_t i = 0; i < size_; ++i) {
    Real* const sums = sums_.data() + i * size_;
    for (size_t j = 0; j <= i; ++j) sums[j] = sums[j] * keep + row_[i] * row_[j];
  }
  ++num_rows_;
  if (num_rows_ <= 2 || num_rows_ % rows_per_factorisation_ == 0) Factor();
}

void RowPredictor::Factor() {
  const Real weight = sums_[0];
  std::vector<Real> scaled(size_);  // L_ij D_j of row i
  for (size_t i = 0; i < size_; ++i) {
    const Real* const sums = sums_.data() + i * size_;
    Real* const factor = factor_.data() + i * size_;
    // The ridge is a share of the column's own variance, so that units do not matter.
    const Real variance = i == 0 ? Real() : Max((sums[i] - sums[0] * sums[0] / weight) / weight, Real());
    Real left = sums[i] + options_.ridge * variance;
    for (size_t j = 0; j < i; ++j) {
      scaled[j] = sums[j];
      for (size_t k = 0; k < j; ++k) scaled[j] = scaled[j] - scaled[k] * factor_[j * size_ + k];
      factor[j] = scaled[j] / left_[j];
      left = left - scaled[j] * factor[j];
    }
    left_[i] = Max(left, sums[i] * Real(1, -28) + Real(1, -80));  // rounding must not make it negative
  }
}

}  // namespace kitsink
