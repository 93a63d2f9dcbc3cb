#include "mask/predictor.h"

#include <algorithm>
#include <cstdlib>

namespace kitsink {
namespace {
int Env(const char* n, int d) {
  const char* e = getenv(n);
  return e ? atoi(e) : d;
}
const int kFastCounts = Env("FASTC", 0);
const int kRateHi = Env("RHI", 30), kRateLo = Env("RLO", 3), kRateDecay = Env("RDEC", 6), kFinRate = Env("RFIN", 2);
const int kInit = Env("WINIT", 6);
const int kApmRate = Env("APMR", 7);

constexpr int kCountBits = 7, kHistoryBits = 3;
constexpr uint32_t kStateBits = kCountBits + kHistoryBits;

struct RateTable {
  std::array<int32_t, 128> rate;
  constexpr RateTable() : rate{} {
    for (int n = 0; n < 128; ++n) rate[static_cast<size_t>(n)] = (10 << 16) / (10 * n + 16);
  }
};
constexpr RateTable kRates;

size_t RoundUp(size_t n) { return (n + kLanes - 1) / kLanes * kLanes; }
constexpr int kStretchBuckets = 24, kCountBuckets = 8;
constexpr size_t kRefinedSize = kStretchBuckets * kCountBuckets << kHistoryBits;
int CountBucket(uint32_t n) {
  static constexpr uint8_t t[16] = {0, 1, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5};
  return n < 16 ? t[n] : n < 48 ? 6 : 7;
}
}  // namespace

Predictor::Predictor(const PredictorShape& shape)
    : tables_(Logistic()),
      kernels_(BestKernels()),
      num_contexts_(shape.num_contexts),
      table_bits_(shape.table_bits),
      count_limit_(shape.count_limit),
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
  const int32_t initial = (1 << kWeightBits) * kInit / (16 * std::max(num_contexts_, 1));
  weights_.assign(vectors * padded_inputs_, initial);
  uses_.assign(vectors, 0);
  inputs_[static_cast<size_t>(2 * num_contexts_)] = 256;
  set_outputs_[selected_.size()] = 256;
  final_weights_.assign(padded_sets_ * 4, (1 << kWeightBits) / static_cast<int32_t>(selected_.size()));
  for (size_t i = 0; i < refined_.size(); ++i) {
    const int bucket = static_cast<int>(i % kStretchBuckets);
    refined_[i] = Squash(tables_, (bucket - kStretchBuckets / 2) * 256 + 128) >> 10 << 10;
  }
}

uint32_t Predictor::Predict() {
  for (int i = 0; i < num_contexts_; ++i) {
    const auto at = static_cast<size_t>(i);
    const uint32_t counter = counters_[slots_[at]];
    const int st = Stretch(tables_, counter >> kStateBits);
    const int bucket = (st + kStretchBuckets / 2 * 256) >> 8;
    const uint32_t n = counter & ((1 << kCountBits) - 1);
    const uint32_t history = counter >> kCountBits & ((1 << kHistoryBits) - 1);
    refined_slots_[at] =
        &refined_[at * kRefinedSize +
                  ((history * kCountBuckets + static_cast<uint32_t>(CountBucket(n))) * kStretchBuckets) +
                  static_cast<uint32_t>(bucket)];
    inputs_[2 * at] = st;
    inputs_[2 * at + 1] = Stretch(tables_, *refined_slots_[at] >> 10);
  }
  const size_t sets = selected_.size();
  for (size_t s = 0; s < sets; ++s) {
    const int32_t dot = kernels_.dot(Weights(s), inputs_.data(), static_cast<int>(padded_inputs_));
    const int32_t stretch = std::clamp((dot + 64) >> 7, -kMaxStretch, kMaxStretch);
    set_outputs_[s] = stretch;
    set_errors_[s] = static_cast<int32_t>(Squash(tables_, stretch) >> 16);
  }
  final_ = final_weights_.data();
  const int32_t dot = kernels_.dot(final_, set_outputs_.data(), static_cast<int>(padded_sets_));
  p_final_ = Squash(tables_, (dot + 64) >> 7);
  return p_final_;
}

void Predictor::Update(int bit) {
  const int32_t target = bit != 0 ? 65535 : 0;
  const size_t sets = selected_.size();
  for (size_t s = 0; s < sets; ++s) {
    uint32_t& uses = uses_[selector_offset_[s] + static_cast<size_t>(selected_[s])];
    const int rate = kRateLo + kRateHi * 256 / static_cast<int>(256 + uses);
    if (uses < 65535) ++uses;
    const int32_t step = ((target - set_errors_[s]) * rate + (1 << 7)) >> 8;
    kernels_.train(Weights(s), inputs_.data(), static_cast<int>(padded_inputs_), step);
  }
  const int32_t error = target - static_cast<int32_t>(p_final_ >> 16);
  kernels_.train(final_, set_outputs_.data(), static_cast<int>(padded_sets_), (error * kFinRate + 128) >> 8);

  for (int i = 0; i < num_contexts_; ++i) {
    uint32_t& counter = counters_[slots_[static_cast<size_t>(i)]];
    const uint32_t n = counter & ((1 << kCountBits) - 1);
    const uint32_t history = (counter >> kCountBits << 1 | static_cast<uint32_t>(bit)) & ((1 << kHistoryBits) - 1);
    const auto p = static_cast<int32_t>(counter >> kStateBits);
    const int32_t goal = bit != 0 ? (1 << kProbabilityBits) - 1 : 0;
    const auto change = static_cast<int32_t>((static_cast<int64_t>(goal - p) * kRates.rate[n]) >> 16);
    const uint32_t next = std::min(n + 1, static_cast<uint32_t>(count_limit_));
    counter = static_cast<uint32_t>(p + change) << kStateBits | history << kCountBits | next;
    uint32_t& r = *refined_slots_[static_cast<size_t>(i)];
    const auto rp = static_cast<int32_t>(r >> 10);
    r = static_cast<uint32_t>(rp + ((goal - rp) >> kApmRate)) << 10;
  }
}

}  // namespace kitsink
