#pragma once
// IEEE 754 half precision (binary16) as bit patterns. Conversions use integer arithmetic, so they give the same bits on
// every machine.

#include <cstdint>

namespace kitsink {

inline constexpr uint16_t kHalfOne = 0x3c00;

// Exact. Infinities stay infinities, NaNs stay NaNs.
float HalfToFloat(uint16_t pattern);

// Rounds to nearest, ties to even. A magnitude that rounds above 65504 becomes an infinity; a NaN stays a NaN.
uint16_t FloatToHalf(float value);

// True unless the pattern is an infinity or a NaN.
inline bool IsFiniteHalf(uint16_t pattern) { return (pattern & 0x7c00) != 0x7c00; }

}  // namespace kitsink
