// Mixes the predictions of context counters by weight vectors that selectors choose, as PAQ8 does.

#include "mask/predictor.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace kitsink {
namespace {

constexpr int kCountBits = 7, kHistoryBits = 3;
constexpr int kStateBits = kCountBits + kHistoryBits;
static_assert(kStateBits + kProbabilityBits == 32);
constexpr uint32_t kMaxCount = (1 << kCountBits) - 1;

// A counter moves by 1 / (count + kTenths / 10) of its error, in units of 2^-16.
template <int kTenths>
constexpr std::array<int32_t, kMaxCount + 1> MakeCounterRates() {
  std::array<int32_t, kMaxCount + 1> rates{};
  for (int count = 0; count <= static_cast<int>(kMaxCount); ++count) {
    rates[static_cast<size_t>(count)] = (10 << 16) / (10 * count + kTenths);
  }
  return rates;
}
constexpr std::array<int32_t, kMaxCount + 1> kFirstCounterRates = MakeCounterRates<16>();
constexpr std::array<int32_t, kMaxCount + 1> kCounterRates = MakeCounterRates<11>();

// A refined probability is indexed by the counter's last decisions, count and stretch.
constexpr int kStretchBuckets = 24, kCountBuckets = 8;
constexpr size_t kRefinedSize = size_t{kStretchBuckets} * kCountBuckets << kHistoryBits;

size_t CountBucket(uint32_t count) {
  static constexpr std::array<uint8_t, 16> kBuckets = {0, 1, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5};
  if (count < kBuckets.size()) return kBuckets[count];
  return count < 48 ? 6 : 7;
}

// How a predictor learns. A weight vector's rate is late + early * kEarlyUses / (kEarlyUses + uses), in units of 2^-12
// per unit of input and error. A refined probability moves by 2^-refined_shift of its error.
struct Learning {
  const std::array<int32_t, kMaxCount + 1>& counter_rates;
  int refined_shift, late, early, final;
};
constexpr Learning kFirstLearning = {kFirstCounterRates, 7, 3, 30, 2};  // version 1
constexpr Learning kLearning = {kCounterRates, 9, 7, 60, 12};
constexpr int kEarlyUses = 256;
// Directions are learned from decisions with at least this error, in units of 2^-16.
constexpr int32_t kTellingError = 1 << 13;

size_t RoundUp(size_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

int32_t Step(int32_t error, int rate) { return (error * rate + 128) >> 8; }
int32_t FineStep(int32_t error, int rate) { return (error * rate + 32) >> 6; }

}  // namespace

Predictor::Predictor(const PredictorShape& shape)
    : tables_(Logistic()),
      dot_(shape.num_directions > 0 ? BestKernels().fine_dot : BestKernels().dot),
      train_(shape.num_directions > 0 ? BestKernels().fine_train : BestKernels().train),
      step_(shape.num_directions > 0 ? FineStep : Step),
      weight_bits_(shape.num_directions > 0 ? kFineWeightBits : kWeightBits),
      num_contexts_(shape.num_contexts),
      table_bits_(shape.table_bits),
      first_extra_(2 * shape.num_contexts + 1),
      padded_inputs_(RoundUp(static_cast<size_t>(first_extra_ + shape.extra_inputs))),
      padded_sets_(RoundUp(shape.selector_sizes.size() + 1)),
      counters_(static_cast<size_t>(num_contexts_) << table_bits_, 1U << 31),
      refined_(static_cast<size_t>(num_contexts_) * kRefinedSize),
      slots_(static_cast<size_t>(num_contexts_)),
      refined_slots_(static_cast<size_t>(num_contexts_)),
      inputs_(padded_inputs_),
      selected_(shape.selector_sizes.size()),
      set_outputs_(padded_sets_),
      set_errors_(padded_sets_) {
  size_t vectors = 0;
  for (const int size : shape.selector_sizes) {
    selector_offset_.push_back(vectors);
    vectors += static_cast<size_t>(size);
  }
  weights_.assign(vectors * padded_inputs_, (1 << weight_bits_) * 3 / (8 * num_contexts_));
  uses_.assign(vectors, 0);
  if (shape.num_directions > 0) {
    directions_.emplace(padded_inputs_, static_cast<size_t>(2 * num_contexts_),
                        static_cast<size_t>(shape.num_directions));
    reduced_.resize(std::max(padded_inputs_, padded_sets_));
  }
  inputs_[static_cast<size_t>(2 * num_contexts_)] = 256;  // constant input: its weight is the bias
  set_outputs_[selected_.size()] = 256;
  final_weights_.assign(padded_sets_ * static_cast<size_t>(directions_ ? shape.selector_sizes[0] : 1),
                        (1 << weight_bits_) / static_cast<int32_t>(selected_.size()));
  for (size_t i = 0; i < refined_.size(); ++i) {
    const int bucket = static_cast<int>(i % kStretchBuckets);
    refined_[i] = Squash(tables_, (bucket - kStretchBuckets / 2) * 256 + 128);
  }
}

uint32_t Predictor::Predict() {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const uint32_t counter = counters_[slots_[i]];
    const int stretch = Stretch(tables_, counter >> kStateBits);
    const auto bucket = static_cast<size_t>((stretch + kStretchBuckets / 2 * 256) >> 8);
    const size_t history = counter >> kCountBits & ((1 << kHistoryBits) - 1);
    const size_t state = history * kCountBuckets + CountBucket(counter & kMaxCount);
    refined_slots_[i] = &refined_[i * kRefinedSize + state * kStretchBuckets + bucket];
    inputs_[2 * i] = stretch;
    inputs_[2 * i + 1] = Stretch(tables_, *refined_slots_[i] >> (32 - kProbabilityBits));
  }
  for (size_t s = 0; s < selected_.size(); ++s) {
    const int32_t dot = dot_(Weights(s), inputs_.data(), static_cast<int>(padded_inputs_));
    set_outputs_[s] = std::clamp((dot + 64) >> 7, -kMaxStretch, kMaxStretch);
    set_errors_[s] = static_cast<int32_t>(Squash(tables_, set_outputs_[s]) >> 16);
  }
  const int32_t dot = dot_(FinalWeights(), set_outputs_.data(), static_cast<int>(padded_sets_));
  p_final_ = Squash(tables_, (dot + 64) >> 7);
  return p_final_;
}

const int32_t* Predictor::InputsToLearn() {
  if (!directions_) return inputs_.data();
  directions_->Reduce(inputs_, std::span(reduced_).first(padded_inputs_));
  return reduced_.data();
}

// All sets predict alike, so each is taken by its difference from their mean.
const int32_t* Predictor::SetOutputsToLearn() {
  if (!directions_) return set_outputs_.data();
  const auto outputs = std::span(set_outputs_).first(selected_.size());
  const int32_t mean = std::accumulate(outputs.begin(), outputs.end(), 0) / static_cast<int32_t>(outputs.size());
  std::ranges::copy(set_outputs_, reduced_.begin());
  for (size_t s = 0; s < outputs.size(); ++s) reduced_[s] -= mean;
  return reduced_.data();
}

// Saves all that Update() may change.
void Predictor::SaveState() {
  for (size_t s = 0; s < selected_.size(); ++s) {
    journal_->Save(&uses_[selector_offset_[s] + static_cast<size_t>(selected_[s])]);
    journal_->Save(Weights(s), padded_inputs_);
  }
  journal_->Save(FinalWeights(), padded_sets_);
  if (directions_) directions_->SaveState(*journal_);
  for (size_t i = 0; i < slots_.size(); ++i) {
    journal_->Save(&counters_[slots_[i]]);
    journal_->Save(refined_slots_[i]);
  }
}

void Predictor::Update(int bit) {
  if (journal_ != nullptr) SaveState();
  const Learning& learning = directions_ ? kLearning : kFirstLearning;
  const int32_t* inputs = InputsToLearn();
  const int32_t target = bit != 0 ? 65535 : 0;
  for (size_t s = 0; s < selected_.size(); ++s) {
    uint32_t& uses = uses_[selector_offset_[s] + static_cast<size_t>(selected_[s])];
    const int rate = learning.late + learning.early * kEarlyUses / static_cast<int>(kEarlyUses + uses);
    if (uses < 65535) ++uses;
    const int32_t step = step_(target - set_errors_[s], rate);
    if (step != 0) train_(Weights(s), inputs, static_cast<int>(padded_inputs_), step);
  }
  const int32_t error = target - static_cast<int32_t>(p_final_ >> 16);
  if (directions_ && std::abs(error) >= kTellingError) directions_->Learn(inputs_);
  train_(FinalWeights(), SetOutputsToLearn(), static_cast<int>(padded_sets_), step_(error, learning.final));

  const int32_t goal = bit != 0 ? (1 << kProbabilityBits) - 1 : 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    uint32_t& counter = counters_[slots_[i]];
    const uint32_t count = counter & kMaxCount;
    const uint32_t history = (counter >> kCountBits << 1 | static_cast<uint32_t>(bit)) & ((1 << kHistoryBits) - 1);
    const auto p = static_cast<int32_t>(counter >> kStateBits);
    const auto change = static_cast<int32_t>((int64_t{goal - p} * learning.counter_rates[count]) >> 16);
    counter = static_cast<uint32_t>(p + change) << kStateBits | history << kCountBits | std::min(count + 1, kMaxCount);
    uint32_t& refined = *refined_slots_[i];
    const auto r = static_cast<int32_t>(refined >> (32 - kProbabilityBits));
    refined = static_cast<uint32_t>(r + ((goal - r) >> learning.refined_shift)) << (32 - kProbabilityBits);
  }
}

}  // namespace kitsink
