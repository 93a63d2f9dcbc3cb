#pragma once
// The adaptive model of int4 codes, for both directions.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "kitsink/adaptive_bit.h"
#include "kitsink/half.h"
#include "kitsink/logistic.h"

namespace kitsink {

// Codes of one statistics number. A code is its magnitude, by a binary tree of three mixed decisions, then an
// equiprobable sign: no context tried told more about signs than it cost.
class Int4Model {
 public:
  // Begins a tensor of lines that share a scale each; `length` codes a line.
  void StartTensor(std::span<const uint16_t> scales, size_t length) {
    scales_.assign(scales.begin(), scales.end());
    for (uint16_t& scale : scales_) scale &= 0x7fff;
    std::vector<uint16_t> sorted = scales_;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2), sorted.end());
    median_scale_ = sorted[sorted.size() / 2];
    length_ = length;
    column_sums_.assign(length, 0);
    sum_ = count_ = 0;
    line_ = 0;
    StartLine();
  }

  // Codes the tensor's next code, line by line. Decoding ignores `code`. Adds the cost to `bits` unless it is null.
  template <typename Coder>
  int Code(Coder& coder, int code, double* bits);

 private:
  static constexpr size_t kNumInputs = 4;
  static constexpr uint32_t kNumNodes = 8;
  static constexpr uint32_t kNumBuckets = 32;  // of expected magnitudes, a quarter each
  static constexpr int kNumScales = 41;        // of scales against the median, a quarter of an octave each
  static constexpr uint32_t kMaxRemaining = 12;
  static constexpr int32_t kBias = 77;  // a constant input, 0.3
  using Nodes = std::array<AdaptiveBit, kNumNodes>;

  void StartLine() {
    position_ = 0;
    line_sum_ = 0;
    largest_ = 0;
    deviation_ = static_cast<int>(scales_[line_]) - static_cast<int>(median_scale_);  // 1024 an octave
  }

  // The adaptive bits that the contexts of the next code select.
  std::array<Nodes*, kNumInputs> Contexts();

  std::array<Nodes, kNumBuckets> by_column_, by_expectation_;
  std::array<Nodes, kNumScales> by_scale_;
  std::array<Nodes, (kMaxRemaining + 1) * 8> by_largest_;
  std::array<std::array<int32_t, kNumInputs + 1>, kNumNodes> mixer_ = InitialMixer();

  static std::array<std::array<int32_t, kNumInputs + 1>, kNumNodes> InitialMixer() {
    std::array<std::array<int32_t, kNumInputs + 1>, kNumNodes> mixer;
    for (auto& weights : mixer) weights.fill(1 << 14);  // a quarter
    return mixer;
  }

  std::vector<uint16_t> scales_;
  std::vector<uint32_t> column_sums_;  // of the magnitudes so far at each position of a line
  uint64_t sum_ = 0, count_ = 0;
  uint32_t line_sum_ = 0, largest_ = 0;
  size_t length_ = 0, line_ = 0, position_ = 0;
  int median_scale_ = 0, deviation_ = 0;
};

inline std::array<Int4Model::Nodes*, Int4Model::kNumInputs> Int4Model::Contexts() {
  // Mean magnitudes in units of 1/256: of the tensor, of the line (at first as its scale foretells: the largest code of
  // a line is mostly 7, so a larger scale means smaller codes), and of the position in the line.
  const auto mean = static_cast<uint32_t>(256 * (sum_ + 24) / (count_ + 8));
  const int deviation = std::clamp(deviation_, -4000, 4000);
  const uint32_t foretold = mean * static_cast<uint32_t>(6000 - deviation) / static_cast<uint32_t>(6000 + deviation);
  const uint32_t line = (256 * line_sum_ + 6 * foretold) / (static_cast<uint32_t>(position_) + 6);
  const uint32_t column = (256 * column_sums_[position_] + 6 * mean) / (static_cast<uint32_t>(line_) + 6);
  const uint32_t expected = line * column / std::max(mean, 1U);
  const auto remaining = static_cast<uint32_t>(std::min<size_t>(length_ - position_, kMaxRemaining));
  const int scale = std::clamp(((deviation_ + 128) >> 8) + kNumScales / 2, 0, kNumScales - 1);
  return {&by_column_[std::min(column / 64, kNumBuckets - 1)],
          &by_expectation_[std::min(expected / 64, kNumBuckets - 1)], &by_scale_[static_cast<size_t>(scale)],
          &by_largest_[remaining * 8 + largest_]};
}

template <typename Coder>
int Int4Model::Code(Coder& coder, int code, double* bits) {
  static const LogisticTables& tables = Logistic();
  const std::array<Nodes*, kNumInputs> contexts = Contexts();
  const int wanted = std::abs(code);
  uint32_t node = 1;
  while (node < kNumNodes) {
    std::array<int32_t, kNumInputs + 1> inputs;
    std::array<int32_t, kNumInputs + 1>& weights = mixer_[node];
    inputs[kNumInputs] = kBias;
    int64_t sum = int64_t{weights[kNumInputs]} * kBias;
    for (size_t i = 0; i < kNumInputs; ++i) {
      inputs[i] = Stretch(tables, (*contexts[i])[node].ones() << (kProbabilityBits - 16));
      sum += int64_t{weights[i]} * inputs[i];
    }
    const uint32_t p_one = Squash(tables, static_cast<int>(std::clamp<int64_t>(sum >> 16, -kMaxStretch, kMaxStretch)));
    const int level = std::bit_width(node) - 1;
    const int bit = coder.Code(wanted >> (2 - level) & 1, p_one);
    if (bits != nullptr) *bits -= std::log2((bit != 0 ? p_one : 0x1p32 - p_one) * 0x1p-32);
    const int32_t error = (bit != 0 ? 1 << 16 : 0) - static_cast<int32_t>(p_one >> 16);
    for (size_t i = 0; i <= kNumInputs; ++i) {
      weights[i] = std::clamp(weights[i] + ((inputs[i] * error + (1 << 15)) >> 16), -(1 << 20), 1 << 20);
    }
    for (Nodes* const context : contexts) (*context)[node].Update(bit != 0);
    node = node << 1 | static_cast<uint32_t>(bit);
  }
  const uint32_t magnitude = node - kNumNodes;
  const bool negative = magnitude != 0 && coder.Code(code < 0 ? 1 : 0, 1U << 31) != 0;
  if (bits != nullptr && magnitude != 0) *bits += 1;
  sum_ += magnitude;
  ++count_;
  line_sum_ += magnitude;
  column_sums_[position_] += magnitude;
  largest_ = std::max(largest_, magnitude);
  if (++position_ == length_ && ++line_ < scales_.size()) StartLine();
  return negative ? -static_cast<int>(magnitude) : static_cast<int>(magnitude);
}

}  // namespace kitsink
