#pragma once
// IEEE 754 half precision (fp16) as bit patterns, converted by integer arithmetic: the same on every machine.

#include <cstdint>

namespace kitsink {

inline constexpr uint16_t kHalfOne = 0x3c00;

// Exact. Infinities and NaNs map to themselves.
float HalfToFloat(uint16_t pattern);

// Round to nearest, ties to even; too large becomes an infinity, a NaN stays one.
uint16_t FloatToHalf(float value);

// Neither an infinity nor a NaN.
inline bool IsFiniteHalf(uint16_t pattern) { return (pattern & 0x7c00) != 0x7c00; }

}  // namespace kitsink
