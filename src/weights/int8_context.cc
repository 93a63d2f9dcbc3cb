// The contexts of int8 codes: two regressions, of the mean by least squares and of the scale's logarithm by gradients.

#include "weights/int8_context.h"

#include <algorithm>
#include <cstdlib>

namespace kitsink {
namespace {

// Smallest and largest logarithm of a scale.
constexpr int kMinLogScale = -1280, kMaxLogScale = 7936;
constexpr int64_t kSlopeOne = 1 << 20;
constexpr int64_t kSlopeRate = 46;
constexpr int64_t kMaxSlope = 8 * kSlopeOne;
constexpr int kBiasFeature = 102;
constexpr int64_t kNearRidge = 400, kColumnRidge = 11200, kRowRidge = 1600;
constexpr size_t kMaxColumns = 48;  // that the second prediction sees
constexpr int64_t kMaxRows = 256;   // that the third one sees
// A mean distance starts as if so many of the tensor's mean had been seen.
constexpr int64_t kFew = 3, kSome = 6, kUsualRows = 16, kUsualColumns = 23;

}  // namespace

Int8Context::Int8Context() : tables_(BinaryLogTables()) {
  for (auto& slopes : slopes_) {
    slopes = {0, kSlopeOne * 4 / 5, kSlopeOne * 4 / 5, kSlopeOne * 4 / 5, kSlopeOne / 5, kSlopeOne / 5};
  }
}

void Int8Context::StartTensor(const Int8Layout& layout, std::span<const int8_t> codes) {
  layout_ = layout;
  codes_ = codes.data();
  row_ = column_ = tap_ = 0;
  const size_t taps = size_t{layout.kernel_height} * layout.kernel_width;
  rows_.assign(layout.rows, {});
  columns_.assign(layout.columns, {});
  taps_.assign(taps, {});
  kernel_ = {};
  all_ = {4 * 20 * 8, 8};  // as after 8 codes of magnitude 20
  size_t kind = 4;
  if (layout.columns > 1) kind = layout.grid_width > 0 ? 0 : taps == 1 ? 3 : layout.siblings > 1 ? 1 : 2;
  current_slopes_ = &slopes_[kind];
  for (auto& regressions : near_regressions_) {
    for (LeastSquares& regression : regressions) regression.Fade();
  }
  column_regressions_.clear();
  for (size_t i = 0; i < layout.columns; ++i) column_regressions_.emplace_back(std::min(i, kMaxColumns), kColumnRidge);
  left_.assign(layout.num_codes(), 0);
  products_.assign(layout.rows, 0);
  num_products_ = 0;
}

// The code there, or 0 outside.
int Int8Context::At(int64_t row, int64_t column, int64_t y, int64_t x) const {
  if (row < 0 || column < 0 || y < 0 || x < 0 || column >= layout_.columns || y >= layout_.kernel_height ||
      x >= layout_.kernel_width) {
    return 0;
  }
  return codes_[((row * layout_.columns + column) * layout_.kernel_height + y) * layout_.kernel_width + x];
}

// Four times the magnitude in another row at the same place.
int Int8Context::Magnitude(int64_t row) const {
  return 4 * std::abs(At(row, column_, tap_ / layout_.kernel_width, tap_ % layout_.kernel_width));
}

// Logarithm of a mean relative to the tensor's.
int Int8Context::Feature(const Mean& mean, int64_t usual) const {
  if (mean.count == 0) return 0;
  const auto sum = static_cast<uint64_t>(mean.sum * 256) + static_cast<uint64_t>(usual) * usual_;
  return Log2(tables_, sum) - Log2(tables_, static_cast<uint64_t>(mean.count + usual)) - Log2(tables_, usual_);
}

void Int8Context::SetGridFeatures() {
  const int64_t width = layout_.grid_width, area = width * layout_.grid_height;
  const int64_t x = row_ % width, y = row_ / width % layout_.grid_height;
  const auto near = [&](int64_t distance) { return Feature({Magnitude(row_ - distance), 1}, kFew); };
  const auto whole = [&](int64_t distance, int64_t usual) {
    return Feature(rows_[static_cast<size_t>(row_ - distance)], usual);
  };
  if (x > 0) features_[5] = near(1);
  if (y > 0) features_[6] = near(width);
  if (row_ >= area) features_[7] = near(area);
  if (x > 0) features_[8] = whole(1, kFew);
  if (y > 0) features_[9] = whole(width, kFew);
  if (column_ > 0) features_[10] = Feature({4 * std::abs(At(row_, column_ - 1, 0, 0)), 1}, kFew);
  if (row_ >= area) features_[11] = whole(area, kSome);
  Mean picture;
  for (int64_t row = std::max<int64_t>(0, row_ - area); row < row_; ++row) picture.Add(Magnitude(row));
  features_[12] = Feature(picture, kSome);
  if (x + 1 < width && y > 0) features_[13] = near(width - 1);
}

void Int8Context::SetSiblingFeatures() {
  const int64_t first = row_ - row_ % layout_.siblings;
  Mean same, kernels;
  for (int64_t row = first; row < row_; ++row) {
    same.Add(Magnitude(row));
    for (int64_t y = 0; y < layout_.kernel_height; ++y) {
      for (int64_t x = 0; x < layout_.kernel_width; ++x) kernels.Add(4 * std::abs(At(row, column_, y, x)));
    }
  }
  features_[5] = Feature(same, kFew);
  features_[6] = Feature(kernels, kSome);
}

void Int8Context::SetFeatures() {
  features_.fill(0);
  features_[0] = kBiasFeature;
  features_[1] = Feature(rows_[static_cast<size_t>(row_)], kUsualRows);
  if (layout_.columns > 1) features_[2] = Feature(columns_[static_cast<size_t>(column_)], kUsualColumns);
  if (taps_.size() > 1) {
    features_[3] = Feature(taps_[static_cast<size_t>(tap_)], kSome);
    features_[4] = Feature(kernel_, kFew);
  }
  if (layout_.siblings > 1) SetSiblingFeatures();
  if (layout_.grid_width > 0) SetGridFeatures();
}

void Int8Context::SetGridInputs() {
  const int64_t width = layout_.grid_width, area = width * layout_.grid_height;
  const int64_t x = row_ % width, y = row_ / width % layout_.grid_height;
  const auto near = [&](bool inside, int64_t distance) {
    near_inputs_.push_back(inside ? 4 * At(row_ - distance, column_, 0, 0) : 0);
  };
  near(x > 0, 1);
  near(y > 0, width);
  near(true, area);
  near(x > 0 && y > 0, width + 1);
  near(x + 1 < width && y > 0, width - 1);
  near(x > 1, 2);
  near(y > 1, 2 * width);
  for (int64_t distance = 1; distance <= 2; ++distance) near_inputs_.push_back(4 * At(row_, column_ - distance, 0, 0));
}

void Int8Context::SetKernelInputs() {
  const int64_t y = tap_ / layout_.kernel_width, x = tap_ % layout_.kernel_width;
  const auto add = [&](int64_t row, int64_t column, int64_t dy, int64_t dx) {
    near_inputs_.push_back(4 * At(row, column, y + dy, x + dx));
  };
  add(row_, column_, 0, -1);
  add(row_, column_, -1, 0);
  add(row_, column_, -1, -1);
  add(row_, column_, -1, 1);
  add(row_, column_, 0, -2);
  add(row_, column_, -2, 0);
  add(row_, column_ - 1, 0, 0);
  add(row_ - layout_.siblings, column_, 0, 0);
  const int64_t siblings = std::min<int64_t>(row_ % layout_.siblings, 3);
  for (int64_t row = row_ - 1; row >= row_ - siblings; --row) {
    add(row, column_, 0, 0);
    add(row, column_, 0, -1);
    add(row, column_, 0, 1);
    add(row, column_, -1, 0);
    add(row, column_, 1, 0);
  }
}

// Sets the inputs of the first prediction and returns its regression, one for each kind of neighbourhood; null where
// the prediction is 0.
LeastSquares* Int8Context::NearRegression() {
  near_inputs_.clear();
  size_t number = 0;
  if (layout_.grid_width > 0) {
    SetGridInputs();
    number = layout_.columns > 1 ? 0 : 1;
  } else if (taps_.size() > 1) {
    SetKernelInputs();
    number = layout_.siblings > 1 ? 2 + static_cast<size_t>(std::min<int64_t>(row_ % layout_.siblings, 3)) : 6;
  } else {
    return nullptr;
  }
  std::vector<LeastSquares>& regression = near_regressions_[number];
  if (regression.empty()) regression.emplace_back(near_inputs_.size(), kNearRidge);
  return regression.data();
}

// Index of the current tap's code in another kernel.
size_t Int8Context::Place(int64_t row, int64_t column) const {
  return static_cast<size_t>((row * layout_.columns + column) * static_cast<int64_t>(taps_.size()) + tap_);
}

// The same for the second prediction.
LeastSquares* Int8Context::ColumnRegression() {
  column_inputs_.clear();
  const int64_t first = std::max<int64_t>(0, column_ - static_cast<int64_t>(kMaxColumns));
  for (int64_t column = first; column < column_; ++column) column_inputs_.push_back(left_[Place(row_, column)]);
  return column_ > 0 ? &column_regressions_[static_cast<size_t>(column_)] : nullptr;
}

// The first row that the third prediction sees. Rows of a grid depend on near rows alone, and a vector's have one code.
int64_t Int8Context::FirstRow() const {
  return layout_.grid_width > 0 || layout_.columns == 1 ? row_ : std::max<int64_t>(0, row_ - kMaxRows);
}

// Rows depend little on each other, so a slope is a sum of products, as if the rows before did not depend on each
// other.
int Int8Context::PredictByRows() const {
  int64_t sum = 0;
  for (int64_t row = FirstRow(); row < row_; ++row) {
    sum += products_[static_cast<size_t>(row)] * left_[Place(row, column_)];
  }
  return static_cast<int>(sum / ((kRowRidge + num_products_) << 10));
}

CodePrediction Int8Context::Predict() {
  usual_ = std::max<uint64_t>(static_cast<uint64_t>(all_.sum * 256 / all_.count), 1);
  SetFeatures();
  int64_t sum = 0;
  for (size_t i = 0; i < kNumFeatures; ++i) sum += (*current_slopes_)[i] * features_[i];
  prediction_.log_ratio = static_cast<int>(std::clamp<int64_t>(sum >> 20, -kMaxLogScale, kMaxLogScale));
  prediction_.log_scale =
      std::clamp(Log2(tables_, usual_) - 10 * kLogOne + prediction_.log_ratio, kMinLogScale, kMaxLogScale);
  inverse_scale_ = Exp2(tables_, -prediction_.log_scale);
  near_ = NearRegression();
  near_mean_ = near_ != nullptr ? near_->Predict(near_inputs_) : 0;
  from_columns_ = ColumnRegression();
  column_mean_ = near_mean_ + (from_columns_ != nullptr ? from_columns_->Predict(column_inputs_) : 0);
  constexpr int kMost = LeastSquares::kMaxMean;
  column_mean_ = std::clamp(column_mean_, -kMost, kMost);
  prediction_.mean = std::clamp(column_mean_ + PredictByRows(), -kMost, kMost);
  return prediction_;
}

void Int8Context::LearnMeans(int code) {
  const int64_t weight = std::min(inverse_scale_ * inverse_scale_ >> 24, LeastSquares::kFullWeight);
  const int left = 4 * code - near_mean_, left_by_columns = 4 * code - column_mean_;
  if (near_ != nullptr) near_->Learn(near_inputs_, 4 * code, weight);
  if (from_columns_ != nullptr) from_columns_->Learn(column_inputs_, left, weight);
  left_[Place(row_, column_)] = static_cast<int16_t>(left);
  for (int64_t row = FirstRow(); row < row_; ++row) {
    products_[static_cast<size_t>(row)] += (weight * left_by_columns * left_[Place(row, column_)]) >> 10;
  }
  ++num_products_;
}

void Int8Context::Observe(int code) {
  const int64_t distance = std::abs(4 * code - prediction_.mean);
  LearnMeans(code);
  // The gradient of a Laplace distribution's logarithm, in units of 2^-16.
  const int64_t gradient = std::min<int64_t>((distance * inverse_scale_) >> 6, 3 << 16) - (1 << 16);
  for (size_t i = 0; i < kNumFeatures; ++i) {
    int64_t& slope = (*current_slopes_)[i];
    slope = std::clamp(slope + ((gradient * features_[i] * kSlopeRate + (1 << 19)) >> 20), -kMaxSlope, kMaxSlope);
  }
  all_.Add(distance);
  kernel_.Add(distance);
  rows_[static_cast<size_t>(row_)].Add(distance);
  columns_[static_cast<size_t>(column_)].Add(distance);
  taps_[static_cast<size_t>(tap_)].Add(distance);
  if (++tap_ < static_cast<int64_t>(taps_.size())) return;
  tap_ = 0;
  kernel_ = {};
  if (++column_ < layout_.columns) return;
  column_ = 0;
  ++row_;
  std::ranges::fill(products_, 0);
  num_products_ = 0;
}

}  // namespace kitsink
