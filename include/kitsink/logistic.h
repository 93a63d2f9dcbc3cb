#pragma once
// Probabilities in the logistic domain, in fixed point. The tables are made by integer arithmetic alone.
//
// The stretch of p is ln(p / (1 - p)) in units of 1/256, clamped to -kMaxStretch .. kMaxStretch. Squash is its inverse.
// The terms are those of PAQ (Mahoney 2005).

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace kitsink {

inline constexpr int kMaxStretch = 3071;
inline constexpr int kProbabilityBits = 22;  // precision of a counter's probability

// Built once; 14 KB and 6 KB, so that both stay in the first-level cache.
struct LogisticTables {
  std::array<uint32_t, 2 * kMaxStretch + 1> squash;  // probability in units of 2^-32, by stretch + kMaxStretch
  std::array<int16_t, 2048> stretch;                 // by the rounded logarithm of a probability below one half
};
const LogisticTables& Logistic();

// Probability of a one in units of 2^-32.
inline uint32_t Squash(const LogisticTables& tables, int stretch) {
  return tables.squash[static_cast<size_t>(std::clamp(stretch, -kMaxStretch, kMaxStretch) + kMaxStretch)];
}

// Stretch of a probability in units of 2^-22, exact to 1/64 of the probability.
inline int Stretch(const LogisticTables& tables, uint32_t p22) {
  constexpr uint32_t kOne = uint32_t{1} << kProbabilityBits;
  const bool upper = p22 >= kOne / 2;
  const uint32_t minor = std::max(upper ? kOne - 1 - p22 : p22, uint32_t{64});  // never below 2^-16
  const uint32_t exponent = static_cast<uint32_t>(std::bit_width(minor)) - 7;
  const int value = tables.stretch[exponent * 64 + ((minor >> exponent) & 63)];
  return upper ? -value : value;
}

}  // namespace kitsink
