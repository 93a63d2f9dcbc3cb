// Converts between float32 and IEEE half precision with integer arithmetic.

#include "kitsink/half.h"

#include <bit>

namespace kitsink {

float HalfToFloat(uint16_t pattern) {
  const uint32_t sign = uint32_t{pattern & 0x8000U} << 16;
  const uint32_t exponent = (pattern >> 10) & 31U;
  uint32_t fraction = pattern & 0x3ffU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  if (fraction == 0) return std::bit_cast<float>(sign);
  // A subnormal half is a normal float: normalise the fraction.
  const uint32_t shift = static_cast<uint32_t>(std::countl_zero(fraction)) - 21;
  fraction = fraction << shift & 0x3ffU;
  return std::bit_cast<float>(sign | (113 - shift) << 23 | fraction << 13);
}

uint16_t FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000U;
  const uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return static_cast<uint16_t>(sign | 0x7e00U);
  if (magnitude >= 0x47800000U) return static_cast<uint16_t>(sign | 0x7c00U);  // 65536 and above
  const int exponent = static_cast<int>(magnitude >> 23) - 112;
  // Shift the 24-bit significand right until its last bit has the weight of the half's last bit.
  const int shift = exponent > 0 ? 13 : 14 - exponent;
  if (shift > 25) return static_cast<uint16_t>(sign);
  const uint32_t significand = (magnitude & 0x7fffffU) | (exponent > 0 ? 0U : 0x800000U);
  const uint32_t base = exponent > 0 ? static_cast<uint32_t>(exponent) << 10 : 0U;
  const uint32_t kept = significand >> shift;
  const uint32_t rest = significand & ((1U << shift) - 1);
  const uint32_t half = 1U << (shift - 1);
  const uint32_t up = rest > half || (rest == half && (kept & 1) != 0) ? 1 : 0;
  return static_cast<uint16_t>(sign | (base + kept + up));  // a carry correctly increments the exponent
}

}  // namespace kitsink
