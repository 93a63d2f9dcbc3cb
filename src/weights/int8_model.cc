// Mixes what the densities and the counters of levels say about each bit of an int8 code.

#include "weights/int8_model.h"

#include <algorithm>
#include <bit>

namespace kitsink {
namespace {

constexpr std::array<int, 3> kScaleOffsets = {0, -2, 2};  // of the densities, in eighths of an octave
constexpr int32_t kMaxCount = 2700;
// A weight set's learning rate falls from (1 + kFirstRates) * kRate to kRate.
constexpr int32_t kRate = 11, kFirstRates = 11, kRateUses = 400, kMaxUses = 1 << 20;
constexpr int32_t kMaxWeight = 1 << 22;
constexpr size_t kLargeTensor = 9000;
constexpr size_t kNumCountClasses = 8;

// Classes of how often a level was seen: exact below 6, then logarithmic.
int CountClass(uint32_t count) {
  constexpr std::array<uint32_t, 8> kFirst = {6, 8, 11, 16, 28, 56, 120, 300};
  if (count < kFirst[0]) return static_cast<int>(count);
  return 5 + static_cast<int>(std::ranges::upper_bound(kFirst, count) - kFirst.begin());
}

// Probability of stretches in units of 1/2048, in units of 2^-32.
uint32_t FineSquash(const LogisticTables& tables, int stretch) {
  const auto at = static_cast<size_t>(stretch + 8 * kMaxStretch);
  const uint32_t low = tables.squash[at / 8];
  if (at % 8 == 0) return low;
  return low + static_cast<uint32_t>((uint64_t{tables.squash[at / 8 + 1] - low} * (at % 8)) >> 3);
}

}  // namespace

void Int8Model::Counter::Update(int bit) {
  constexpr int32_t kOne = 1 << kProbabilityBits, kLeast = 400;
  const int64_t error = (bit != 0 ? kOne - 1 : 0) - p_one;
  p_one = std::clamp(p_one + static_cast<int32_t>(error * 2 / (2 * count + 3)), kLeast, kOne - kLeast);
  if (count < kMaxCount) ++count;
}

Int8Model::Int8Model() : tables_(Logistic()), parities_(kNumNeighbours * kNumCounts * kNumCounts) {
  // 0.2 for densities, 0.05 for nodes, 0.28 for parities.
  const WeightSet start{{13107, 13107, 13107, 3277, 3277, 18350}, 0};
  weight_sets_.assign(kDepth * kNumCountClasses * kNumKinds, start);
}

void Int8Model::StartTensor(size_t num_codes, bool vector) {
  kind_ = num_codes >= kLargeTensor ? 0 : vector ? 2 : 1;
  for (LevelDensity& density : densities_) density.StartTensor(vector);
  nodes_.fill({});
  for (auto& nodes : nodes_by_ratio_) nodes.fill({});
}

void Int8Model::Begin(const CodePrediction& prediction) {
  const int row = ((prediction.log_scale * 8 + 512) >> 10) + 16;
  for (size_t i = 0; i < kNumDensities; ++i) densities_[i].Begin(row + kScaleOffsets[i], prediction.mean);
  ratio_ = static_cast<size_t>(std::clamp((prediction.log_ratio * 3 / 2 + 5 * kLogOne / 2) >> 10, 0, 4));
  node_ = 1;
  depth_ = 0;
}

// The last bit's counter: selected by how often both levels were seen, and while both are new by their neighbours.
Int8Model::Counter* Int8Model::ParityCounter() {
  const int level = static_cast<int>(node_ * 2) - kNumLevels;
  const LevelDensity& density = densities_[0];
  const uint32_t even = density.count(level), odd = density.count(level + 1);
  int around = static_cast<int>(kNumNeighbours) - 1;
  if (even + odd < 2) {
    around = density.Occupancy(level - 2);
    for (const int neighbour : {level - 1, level + 2, level + 3}) around = around * 3 + density.Occupancy(neighbour);
  }
  constexpr int kClasses = static_cast<int>(kNumCounts);
  return &parities_[static_cast<size_t>((around * kClasses + CountClass(even)) * kClasses + CountClass(odd))];
}

// Sets by node, or by the predicted mean, and averages of the three kinds gave no less.
Int8Model::WeightSet* Int8Model::ChooseWeights() {
  const auto count = std::min<size_t>(std::bit_width(static_cast<uint32_t>(nodes_[node_].count)), kNumCountClasses - 1);
  return &weight_sets_[(static_cast<size_t>(depth_) * kNumCountClasses + count) * kNumKinds + kind_];
}

uint32_t Int8Model::Predict() {
  const int half = kNumLevels / 2 >> depth_;
  const int first = static_cast<int>(node_) * 2 * half - kNumLevels;
  for (size_t i = 0; i < kNumDensities; ++i) inputs_[i] = Stretch(tables_, densities_[i].UpperShare(first, half));
  const auto stretch = [&](const Counter& counter) { return Stretch(tables_, static_cast<uint32_t>(counter.p_one)); };
  inputs_[kNumDensities] = stretch(nodes_[node_]);
  inputs_[kNumDensities + 1] = stretch(nodes_by_ratio_[ratio_][node_]);
  parity_ = depth_ == kDepth - 1 ? ParityCounter() : nullptr;
  inputs_[kNumDensities + 2] = parity_ != nullptr ? stretch(*parity_) : 0;
  set_ = ChooseWeights();
  int64_t dot = 0;
  for (size_t i = 0; i < kNumInputs; ++i) dot += int64_t{set_->weights[i]} * inputs_[i];
  stretch_ = static_cast<int>(std::clamp<int64_t>(dot >> 13, -8 * kMaxStretch, 8 * kMaxStretch));
  return FineSquash(tables_, stretch_);
}

void Int8Model::Update(int bit) {
  const int64_t error = (bit != 0 ? UINT16_MAX : 0) - static_cast<int64_t>(FineSquash(tables_, stretch_) >> 16);
  const int64_t step = error * (kRate + kRate * kFirstRates * kRateUses / (kRateUses + set_->uses));
  for (size_t i = 0; i < kNumInputs; ++i) {
    int32_t& weight = set_->weights[i];
    weight = std::clamp(weight + static_cast<int32_t>((inputs_[i] * step + (1 << 21)) >> 22), -kMaxWeight, kMaxWeight);
  }
  if (set_->uses < kMaxUses) ++set_->uses;
  nodes_[node_].Update(bit);
  nodes_by_ratio_[ratio_][node_].Update(bit);
  if (parity_ != nullptr) parity_->Update(bit);
  for (LevelDensity& density : densities_) density.Take(bit);
  node_ = node_ << 1 | static_cast<uint32_t>(bit);
  ++depth_;
}

int Int8Model::End() {
  const int level = static_cast<int>(node_) - kNumLevels;
  for (LevelDensity& density : densities_) density.End(level);
  return level - kNumLevels / 2;
}

}  // namespace kitsink
