#pragma once
// Predicts each int8 code of a tensor from the codes before it: its mean and how far it lies from it.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/weights.h"
#include "weights/binary_log.h"
#include "weights/least_squares.h"

namespace kitsink {

struct CodePrediction {
  int mean = 0;       // in units of 1/4
  int log_scale = 0;  // logarithm to base 2 of the mean distance from the mean, in units of 2^-10
  int log_ratio = 0;  // the same, relative to the whole tensor's
};

// Goes through one tensor after another, row by row, column by column, tap by tap. What was learned from a tensor helps
// with later ones of the same class.
class Int8Context {
 public:
  Int8Context();
  // `codes` has layout.num_codes() codes; those at and after the current position are not read.
  void StartTensor(const Int8Layout& layout, std::span<const int8_t> codes);
  CodePrediction Predict();
  // Takes the code at the current position, of which the last Predict() was, and goes to the next.
  void Observe(int code);

 private:
  static constexpr size_t kNumFeatures = 14;
  // Sum of distances in units of 1/4, and their number.
  struct Mean {
    int64_t sum = 0, count = 0;
    void Add(int64_t value) {
      sum += value;
      ++count;
    }
  };
  using Features = std::array<int, kNumFeatures>;

  int At(int64_t row, int64_t column, int64_t y, int64_t x) const;
  int Magnitude(int64_t row) const;
  int Feature(const Mean& mean, int64_t usual) const;
  void SetFeatures();
  void SetGridFeatures();
  void SetSiblingFeatures();
  void SetGridInputs();
  void SetKernelInputs();
  LeastSquares* NearRegression();
  LeastSquares* ColumnRegression();
  int64_t FirstRow() const;
  int PredictByRows() const;
  void LearnMeans(int code);
  size_t Place(int64_t row, int64_t column) const;

  const BinaryLog& tables_;
  Int8Layout layout_;
  const int8_t* codes_ = nullptr;
  int64_t row_ = 0, column_ = 0, tap_ = 0;
  Mean all_, kernel_;
  std::vector<Mean> rows_, columns_, taps_;
  uint64_t usual_ = 1;  // mean distance in the tensor so far, in units of 2^-10

  Features features_{};
  std::array<std::array<int64_t, kNumFeatures>, 5> slopes_;  // of each class of tensors, in units of 2^-20
  std::array<int64_t, kNumFeatures>* current_slopes_ = nullptr;
  // The mean is the sum of three predictions, each of what the ones before left: from near codes, from the same place
  // in earlier columns, and from the same place in earlier rows.
  std::vector<int> near_inputs_, column_inputs_;
  std::array<std::vector<LeastSquares>, 7> near_regressions_;  // none or one each
  std::vector<LeastSquares> column_regressions_;               // of each column
  LeastSquares* near_ = nullptr;
  LeastSquares* from_columns_ = nullptr;
  std::vector<int16_t> left_;      // of each code, its distance from the first prediction, in units of 1/4
  std::vector<int64_t> products_;  // of what was left in this row and in each earlier row
  int64_t num_products_ = 0;
  int near_mean_ = 0, column_mean_ = 0;  // after the first and the second prediction
  CodePrediction prediction_;
  int64_t inverse_scale_ = 0;  // 2^-log_scale in units of 2^-20
};

}  // namespace kitsink
