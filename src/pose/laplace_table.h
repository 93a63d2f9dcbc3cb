#pragma once
// Frequency tables of version 1 of stream p: a Laplace distribution, computed with integers alone.

#include <cstdint>
#include <span>
#include <vector>

namespace kitsink {

inline constexpr int kLaplaceTotalBits = 14;
inline constexpr uint32_t kLaplaceTotal = 1U << kLaplaceTotalBits;
inline constexpr uint16_t kMinLaplaceScale = 0x3400;  // 0.25 as a half

// The Laplace scale of `deltas`, max(0.25, mean |delta - median|), rounded to a half (ties to even), as a bit pattern.
uint16_t LaplaceScale(std::span<const int32_t> deltas);

// Frequencies of p(k) ~ exp(-|k| / scale) for the zigzag ranks 0 .. alphabet - 1. Each is at least 1 and they sum to
// kLaplaceTotal.
// REQUIRES: scale is a finite half of at least 0.25; alphabet is odd and below kLaplaceTotal.
std::vector<uint32_t> LaplaceFrequencies(uint16_t scale, uint32_t alphabet);

// 0, -1, 1, -2, 2 ... <-> 0, 1, 2, 3, 4 ...
inline uint32_t ZigzagRank(int32_t k) { return static_cast<uint32_t>(k >= 0 ? 2 * k : -2 * k - 1); }
inline int32_t ZigzagValue(uint32_t rank) {
  return rank % 2 == 0 ? static_cast<int32_t>(rank / 2) : -static_cast<int32_t>(rank / 2) - 1;
}

}  // namespace kitsink
