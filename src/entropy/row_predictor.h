#pragma once
// Online least squares: predicts each value of a row from what precedes it.

#include <cstddef>
#include <span>
#include <vector>

#include "kitsink/real.h"

namespace kitsink {

struct Prediction {
  Real mean;
  Real variance;
};

struct RowPredictorOptions {
  size_t num_past = 0;     // values that the caller adds before a row's columns
  size_t num_columns = 0;  // of the table
  size_t num_rows = 0;     // of the table
  int forgetting = 0;      // after each row, old rows count for 1 - 2^-forgetting; 0: nothing is forgotten
  Real ridge;              // rows without correlation that count beside the real ones
};

// The vector z of a row is 1, the past values, then the row's columns. With S the weighted sum of z z^T over the rows
// so far and S = L D L^T (L unit lower triangular), the regression of z_i on z_0 .. z_i-1 is row i of L applied to
// their own prediction errors, and D_i is what it leaves. So one factorisation per row predicts all columns.
class RowPredictor {
 public:
  explicit RowPredictor(const RowPredictorOptions& options);

  // Begins a row. REQUIRES: past.size() == num_past.
  void StartRow(std::span<const Real> past);
  // Of the next column. `start` is its variance while there are less than two rows.
  Prediction Predict(Real start) const;
  // Takes the next column's value, after Predict().
  void Observe(const Prediction& prediction, Real value);
  // Ends a row of which all columns were observed.
  void FinishRow();

 private:
  // Regression of the row's next value.
  Real Mean() const;
  void Append(Real value, Real error);
  void Factor();

  RowPredictorOptions options_;
  size_t size_;
  size_t num_rows_ = 0;
  size_t rows_per_factorisation_;
  std::vector<Real> sums_, factor_, left_;  // S, L and D
  std::vector<Real> ratio_;                 // of squared errors to those that D foretells, by column
  std::vector<Real> row_, errors_;          // z and the prediction errors of the current row
  Real surprise_;                           // sum of errors^2 / D over the current row
};

}  // namespace kitsink
