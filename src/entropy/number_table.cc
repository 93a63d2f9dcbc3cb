// Codes tables of numbers: a mixture of predictors, each a logistic distribution, split bit by bit.

#include "kitsink/number_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "entropy/row_predictor.h"
#include "kitsink/adaptive_bit.h"
#include "kitsink/half.h"
#include "kitsink/logistic.h"
#include "kitsink/result.h"

namespace kitsink {
namespace {

// One predictor of the mixture.
struct Expert {
  int num_neighbours;  // earlier rows whose values the regression sees
  int forgetting;
  Real ridge;
};
// Of many sets tried on the coefficients and the basis of a published scene and on its fp16 vectors, these small ones
// are within 0.3 % of the best (docs/lab/strict.md).
constexpr std::array<Expert, 4> kSeriesExperts = {
    {{0, 5, Real(10)}, {1, 6, Real(10)}, {2, 7, Real(10)}, {0, 9, Real(10)}}};
// Latent vectors of a published clip: 14,556 bytes, 14,639 by those above (docs/lab/hnerv_repack.md).
constexpr std::array<Expert, 4> kVectorExperts = {
    {{1, 4, Real(20)}, {2, 7, Real(10)}, {2, 9, Real(3)}, {1, 7, Real(3)}}};
constexpr std::array<Expert, 3> kRecordExperts = {{{0, 0, Real(1, -8)}, {0, 0, Real(1, -3)}, {0, 0, Real(2)}}};

std::span<const Expert> ExpertsOf(TableKind kind) {
  if (kind == TableKind::kHalves) return kRecordExperts;
  if (kind == TableKind::kVectors) return kVectorExperts;
  return kSeriesExperts;
}

// The numbers of one column in their natural order. Those with `shift` trailing zero bits are counted by a rank: rank r
// owns the reals from Edge(r) to Edge(r + 1).
class Lattice {
 public:
  Lattice(bool halves, uint32_t shift) : halves_(halves), shift_(shift) {}
  // fp16: -0 comes just below 0. Negative ranks are complements, -1 for -0, as the patterns are sign and magnitude.
  int32_t RankOf(int32_t number) const {
    if (!halves_) return number / (int32_t{1} << shift_);
    return number > 0x7fff ? -1 - ((number & 0x7fff) >> shift_) : number >> shift_;
  }
  int32_t NumberOf(int32_t rank) const {
    if (!halves_) return rank * (int32_t{1} << shift_);
    return rank < 0 ? 0x8000 | (-1 - rank) << shift_ : rank << shift_;
  }
  Real Value(int32_t rank) const { return Real(Fixed(rank), halves_ ? -24 : 0); }
  Real Edge(int32_t rank) const { return Real(Fixed(rank - 1) + Fixed(rank), halves_ ? -25 : -1); }

 private:
  // In units of 2^-24 for halves.
  int64_t Fixed(int32_t rank) const {
    const int32_t number = NumberOf(rank);
    if (!halves_) return number;
    const auto exponent = static_cast<uint32_t>(number >> 10 & 31);
    const auto fraction = static_cast<uint64_t>(number & 1023);
    const auto magnitude = static_cast<int64_t>(exponent == 0 ? fraction : (1024 + fraction) << (exponent - 1));
    return rank < 0 ? -magnitude : magnitude;
  }
  bool halves_;
  uint32_t shift_;
};

// What is sent before a column's numbers.
struct ColumnHead {
  uint32_t size = 0;   // magnitudes are below 2^size (integers) or (size + 1) << 10 (halves): 5 bits
  uint32_t shift = 0;  // trailing zero bits that all magnitudes have: 5 bits
  bool has_negatives = false;
};
constexpr uint32_t kMaxShift = 10;
constexpr uint32_t kMaxSize = 20;  // of integers

// Sum of the logistic density up to `edge`, in units of 2^-48. `inverse_scale` belongs to the distribution.
uint64_t Cumulative(const LogisticTables& tables, Real edge, const Prediction& prediction, Real inverse_scale) {
  constexpr int64_t kMost = (int64_t{kMaxStretch} << 16) - 1;
  const int64_t argument = ((edge - prediction.mean) * inverse_scale).ToFixed(24, kMost) + (kMost + 1);
  const auto index = static_cast<size_t>(argument >> 16);
  const uint64_t low = tables.squash[index];
  const uint64_t high = tables.squash[index + 1];
  return (low << 16) + (high - low) * static_cast<uint64_t>(argument & 0xffff);
}

// Probability of the upper part of an interval that a distribution splits so, in units of 2^-16.
uint32_t UpperShare(uint64_t low, uint64_t middle, uint64_t high) {
  const uint64_t whole = high - low;
  if (whole == 0) return 1U << 15;
  const int shift = std::countl_zero(whole);
  const uint64_t share = ((high - middle) << shift) / ((whole << shift >> 16) + 1);
  return static_cast<uint32_t>(std::clamp<uint64_t>(share, 32, (1U << 16) - 32));
}

// Codes with any coder that has BinaryEncoder's Code().
template <typename Coder>
class TableCoder {
 public:
  TableCoder(Coder& coder, const TableShape& shape, std::span<double> column_bits)
      : coder_(coder), shape_(shape), column_bits_(column_bits), heads_(shape.num_columns) {
    KIT_CHECK(shape.num_columns <= kMaxTableColumns);
    for (const Expert& expert : ExpertsOf(shape.kind)) {
      const size_t num_past = static_cast<size_t>(expert.num_neighbours) * shape.num_columns;
      predictors_.emplace_back(
          RowPredictorOptions{num_past, shape.num_columns, shape.num_rows, expert.forgetting, expert.ridge});
    }
    const auto even = static_cast<uint32_t>(kWeightOne / predictors_.size());
    weights_.assign(predictors_.size() * shape.num_columns, even);
  }

  // Decoding ignores and overwrites the values.
  void Run(std::vector<int32_t>& values) {
    for (uint32_t column = 0; column < shape_.num_columns; ++column) CodeHead(values, column);
    for (uint32_t row = 0; row < shape_.num_rows; ++row) CodeRow(values, row);
  }

 private:
  static constexpr uint32_t kWeightOne = 1U << 16;

  bool CodeAdaptive(AdaptiveBit& model, bool bit) {
    const bool coded = coder_.Code(bit ? 1 : 0, model.ones() << 16) != 0;
    model.Update(coded);
    return coded;
  }

  uint32_t CodeTree5(std::array<AdaptiveBit, 32>& models, uint32_t value) {
    uint32_t node = 1;
    for (int i = 4; i >= 0; --i) node = node << 1 | (CodeAdaptive(models[node], (value >> i & 1U) != 0) ? 1U : 0U);
    return node - 32;
  }

  bool halves() const { return shape_.kind == TableKind::kHalves; }
  // One more than the largest magnitude that a column may have.
  int32_t Bound(uint32_t size) const {
    return halves() ? static_cast<int32_t>((size + 1) << 10) : int32_t{1} << std::min(size, kMaxSize);
  }

  ColumnHead HeadOf(std::span<const int32_t> values, uint32_t column) const {
    ColumnHead head;
    uint32_t all = 1U << kMaxShift;
    for (size_t i = column; i < values.size(); i += shape_.num_columns) {
      const int32_t magnitude = halves() ? values[i] & 0x7fff : std::abs(values[i]);
      head.has_negatives = head.has_negatives || (halves() ? values[i] > 0x7fff : values[i] < 0);
      all |= static_cast<uint32_t>(magnitude);
      while (Bound(head.size) <= magnitude) ++head.size;
    }
    head.shift = static_cast<uint32_t>(std::countr_zero(all));
    return head;
  }

  void CodeHead(const std::vector<int32_t>& values, uint32_t column);
  void CodeRow(std::vector<int32_t>& values, uint32_t row);
  int32_t CodeRank(uint32_t column, const Lattice& lattice, int32_t rank);
  std::vector<Real> Past(std::span<const int32_t> values, uint32_t row, int num_neighbours) const;

  Coder& coder_;
  TableShape shape_;
  std::span<double> column_bits_;
  std::vector<ColumnHead> heads_;
  std::array<AdaptiveBit, 32> size_models_, shift_models_;
  AdaptiveBit sign_model_;
  std::vector<RowPredictor> predictors_;
  std::vector<uint32_t> weights_;  // of each column's experts; their sum is about kWeightOne
  std::vector<Prediction> predictions_;
};

template <typename Coder>
void TableCoder<Coder>::CodeHead(const std::vector<int32_t>& values, uint32_t column) {
  const ColumnHead head = HeadOf(values, column);
  heads_[column].size = CodeTree5(size_models_, head.size);
  heads_[column].shift = std::min(CodeTree5(shift_models_, head.shift), kMaxShift);
  heads_[column].has_negatives = CodeAdaptive(sign_model_, head.has_negatives);
}

template <typename Coder>
std::vector<Real> TableCoder<Coder>::Past(std::span<const int32_t> values, uint32_t row, int num_neighbours) const {
  std::vector<Real> past;
  for (int i = 0; i < num_neighbours; ++i) {
    bool there = row > static_cast<uint32_t>(i);
    size_t distance = static_cast<size_t>(i) + 1;
    if (shape_.kind == TableKind::kGrid) {
      there = i == 0 ? row % shape_.grid_width != 0 : row >= shape_.grid_width;
      distance = i == 0 ? 1 : shape_.grid_width;
    }
    for (uint32_t column = 0; column < shape_.num_columns; ++column) {
      past.emplace_back(there ? values[(row - distance) * shape_.num_columns + column] : 0);
    }
  }
  return past;
}

template <typename Coder>
void TableCoder<Coder>::CodeRow(std::vector<int32_t>& values, uint32_t row) {
  const std::span<const Expert> experts = ExpertsOf(shape_.kind);
  for (size_t i = 0; i < experts.size(); ++i) {
    predictors_[i].StartRow(Past(values, row, experts[i].num_neighbours));
  }
  for (uint32_t column = 0; column < shape_.num_columns; ++column) {
    const Lattice lattice(halves(), heads_[column].shift);
    const int32_t bound = std::max(Bound(heads_[column].size) >> heads_[column].shift, 1);
    const Real top = lattice.Value(bound - 1);
    predictions_.clear();
    for (const RowPredictor& predictor : predictors_) {
      predictions_.push_back(predictor.Predict(Max(top * top * Real(1, -4), Real(1, -60))));
    }
    int32_t& number = values[size_t{row} * shape_.num_columns + column];
    const int32_t rank = CodeRank(column, lattice, lattice.RankOf(number));
    number = lattice.NumberOf(rank);
    for (size_t i = 0; i < predictors_.size(); ++i) predictors_[i].Observe(predictions_[i], lattice.Value(rank));
  }
  for (RowPredictor& predictor : predictors_) predictor.FinishRow();
}

template <typename Coder>
int32_t TableCoder<Coder>::CodeRank(uint32_t column, const Lattice& lattice, int32_t rank) {
  static const LogisticTables& tables = Logistic();
  constexpr size_t kMaxExperts = 4;
  constexpr Real kPiOverRootThree(1901906, -20);  // standard deviation of the logistic distribution of scale 1
  const size_t count = predictions_.size();
  const std::span<uint32_t> weights(weights_.data() + column * count, count);
  int32_t high = std::max(Bound(heads_[column].size) >> heads_[column].shift, 1);
  int32_t low = !heads_[column].has_negatives ? 0 : halves() ? -high : 1 - high;

  std::array<Real, kMaxExperts> inverse_scales;
  std::array<uint64_t, kMaxExperts> below, above, middles;
  std::array<uint32_t, kMaxExperts> shares;
  for (size_t i = 0; i < count; ++i) {
    inverse_scales[i] = kPiOverRootThree / Max(predictions_[i].variance, Real(1, -200)).Sqrt();
    below[i] = Cumulative(tables, lattice.Edge(low), predictions_[i], inverse_scales[i]);
    above[i] = Cumulative(tables, lattice.Edge(high), predictions_[i], inverse_scales[i]);
  }
  while (high - low > 1) {
    const int32_t middle = low + (high - low) / 2;
    uint64_t sum = 0, weight = 0;
    for (size_t i = 0; i < count; ++i) {
      middles[i] = Cumulative(tables, lattice.Edge(middle), predictions_[i], inverse_scales[i]);
      shares[i] = UpperShare(below[i], middles[i], above[i]);
      sum += uint64_t{weights[i]} * shares[i];
      weight += weights[i];
    }
    const auto p_upper = static_cast<uint32_t>((sum << 16) / weight);
    const bool upper = coder_.Code(rank >= middle ? 1 : 0, p_upper) != 0;
    if (!column_bits_.empty()) {
      column_bits_[column] -= std::log2((upper ? p_upper : 0x1p32 - p_upper) * 0x1p-32);
    }
    (upper ? low : high) = middle;
    const uint64_t likelihood = upper ? sum : (weight << 16) - sum;  // of the decision, in units of weight * 2^-16
    for (size_t i = 0; i < count; ++i) {
      (upper ? below[i] : above[i]) = middles[i];
      const uint64_t joint = uint64_t{weights[i]} * (upper ? shares[i] : (1U << 16) - shares[i]);
      weights[i] = static_cast<uint32_t>(std::max<uint64_t>((joint << 16) / likelihood, 1));
    }
  }
  // A sixteenth of the weight is spread evenly, so that another expert can take over later.
  for (uint32_t& weight : weights) weight += kWeightOne / 16 / static_cast<uint32_t>(count) - weight / 16;
  return low;
}

}  // namespace

void EncodeTable(BinaryEncoder& coder, const TableShape& shape, std::span<const int32_t> values) {
  KIT_CHECK(values.size() == shape.num_values());
  std::vector<int32_t> copy(values.begin(), values.end());
  TableCoder<BinaryEncoder>(coder, shape, {}).Run(copy);
}

std::vector<int32_t> DecodeTable(BinaryDecoder& coder, const TableShape& shape, std::span<double> column_bits) {
  std::vector<int32_t> values(shape.num_values());
  TableCoder<BinaryDecoder>(coder, shape, column_bits).Run(values);
  return values;
}

}  // namespace kitsink
