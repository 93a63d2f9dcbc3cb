// An online-trained network with one hidden layer, in integer arithmetic.

#include "mask/network.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace kitsink {
namespace {

// Learning rates of the two layers, and ranges (in bits) of their initial weights.
constexpr int kFirstRate = 128, kSecondRate = 16;
constexpr int kFirstRange = 18, kSecondRange = 15;
// The learning rate of a first-layer row falls with its uses: 4 / sqrt(1 + uses / 512), at least 1/8, in units of 2^-8.
constexpr uint32_t kUsesPerRate = 64, kNumRates = 1024;
const std::array<int32_t, kNumRates>& RowRates() {
  static const std::array<int32_t, kNumRates> kRates = [] {
    std::array<int32_t, kNumRates> rates{};
    int64_t rate = 1024;  // the largest with rate^2 * (1 + uses / 512) <= 1024^2
    for (int64_t i = 0; i < int64_t{kNumRates}; ++i) {
      while (rate > 32 && rate * rate * (8 + i) > int64_t{1024} * 1024 * 8) --rate;
      rates[static_cast<size_t>(i)] = static_cast<int32_t>(rate);
    }
    return rates;
  }();
  return kRates;
}
// Smaller errors (units of 2^-16) are skipped: a third less time for 10,557 instead of 10,548 bytes (README.md).
constexpr int32_t kLeastError = 256;
constexpr int32_t kMaxActivation = 2047, kMaxStep = (1 << 20) - 1;  // bounds that the kernels require

}  // namespace

Network::Network(const NetworkShape& shape, uint32_t seed)
    : tables_(Logistic()),
      kernels_(BestKernels()),
      num_hidden_(static_cast<size_t>(shape.num_hidden)),
      first_(static_cast<size_t>(shape.num_rows) * num_hidden_),
      second_(static_cast<size_t>(shape.num_outputs) * (num_hidden_ + kLanes)),
      sums_(num_hidden_),
      hidden_(num_hidden_ + kLanes),
      step_(num_hidden_),
      uses_(static_cast<size_t>(shape.num_rows)),
      row_rates_(RowRates()) {
  uint32_t state = seed;
  const auto draw = [&](int bits) {  // uniform in +-2^bits
    state = state * 1664525U + 1013904223U;
    return static_cast<int32_t>(state) >> (31 - bits);
  };
  for (int32_t& w : first_) w = draw(kFirstRange);
  for (int32_t& w : second_) w = draw(kSecondRange);
  hidden_[num_hidden_] = 256;
}

void Network::SetInput(std::span<const uint32_t> rows) {
  rows_.assign(rows.begin(), rows.end());
  kernels_.sum_rows(sums_.data(), first_.data(), rows_.data(), static_cast<int>(rows_.size()),
                    static_cast<int>(num_hidden_));
  // Rectified linear units, in units of 1/256 as stretches are.
  for (size_t j = 0; j < num_hidden_; ++j) {
    hidden_[j] = std::clamp(sums_[j] >> 14, 0, kMaxActivation);
  }
}

int Network::Predict(int output) {
  output_ = second_.data() + static_cast<size_t>(output) * (num_hidden_ + kLanes);
  const int32_t dot = kernels_.dot(output_, hidden_.data(), static_cast<int>(num_hidden_) + kLanes);
  stretch_ = std::clamp((dot + 64) >> 7, -kMaxStretch, kMaxStretch);
  return stretch_;
}

// Saves all that Update() may change.
void Network::SaveState() {
  journal_->Save(output_, num_hidden_ + kLanes);
  for (const uint32_t row : rows_) {
    journal_->Save(&uses_[row]);
    journal_->Save(first_.data() + row * num_hidden_, num_hidden_);
  }
}

void Network::Update(int bit) {
  const int32_t target = bit != 0 ? 65535 : 0;
  const int32_t error = target - static_cast<int32_t>(Squash(tables_, stretch_) >> 16);
  if (std::abs(error) < kLeastError) return;
  if (journal_ != nullptr) SaveState();
  // The first layer's gradient needs the second layer's weights before their update.
  const int32_t scaled = (error * kFirstRate) >> 8;
  for (size_t j = 0; j < num_hidden_; ++j) {
    const bool active = hidden_[j] > 0 && hidden_[j] < kMaxActivation;
    step_[j] = active ? std::clamp(((output_[j] >> 8) * scaled) >> 8, -kMaxStep, kMaxStep) : 0;
  }
  kernels_.train(output_, hidden_.data(), static_cast<int>(num_hidden_) + kLanes, (error * kSecondRate + 128) >> 8);
  for (const uint32_t row : rows_) {
    uint32_t& uses = uses_[row];
    kernels_.add_scaled(first_.data() + row * num_hidden_, step_.data(), static_cast<int>(num_hidden_),
                        row_rates_[uses / kUsesPerRate]);
    uses += uses / kUsesPerRate + 1 < kNumRates ? 1 : 0;
  }
}

}  // namespace kitsink
