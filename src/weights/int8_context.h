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
  void SetInputs();
  void SetGridInputs();
  void SetKernelInputs();
  LeastSquares* Regression();

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
  std::vector<int> inputs_;
  std::array<std::vector<LeastSquares>, 7> regressions_;  // none or one each
  LeastSquares* regression_ = nullptr;
  CodePrediction prediction_;
  int64_t inverse_scale_ = 0;  // 2^-log_scale in units of 2^-20
};

}  // namespace kitsink
