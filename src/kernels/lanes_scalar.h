#pragma once
// Eight floats at once in plain C++, lane by lane as lanes_avx2.h. The compiler may vectorise, not reorder.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace kitsink::lanes_scalar {

struct F8 {
  float lane[8];
};
using Lanes = F8;
constexpr size_t kLanes = 8;
// A convolution keeps up to kMaxOutputs * kMaxVectors sums in registers.
constexpr size_t kMaxVectors = 3, kMaxOutputs = 3;
struct Interleaved {
  F8 low, high;
};

#define KIT_TARGET
#define KIT_LANES static inline
#define KIT_EACH(expression)                              \
  F8 out;                                                 \
  for (int i = 0; i < 8; ++i) out.lane[i] = (expression); \
  return out

KIT_LANES F8 Load(const float* from) { KIT_EACH(from[i]); }
KIT_LANES F8 Broadcast(float value) { KIT_EACH(value); }
KIT_LANES F8 Add(F8 a, F8 b) { KIT_EACH(a.lane[i] + b.lane[i]); }
KIT_LANES F8 Sub(F8 a, F8 b) { KIT_EACH(a.lane[i] - b.lane[i]); }
KIT_LANES F8 Mul(F8 a, F8 b) { KIT_EACH(a.lane[i] * b.lane[i]); }
KIT_LANES F8 Div(F8 a, F8 b) { KIT_EACH(a.lane[i] / b.lane[i]); }
// a * b + c with one rounding, and c - a * b.
KIT_LANES F8 MulAdd(F8 a, F8 b, F8 c) { KIT_EACH(std::fma(a.lane[i], b.lane[i], c.lane[i])); }
KIT_LANES F8 NegMulAdd(F8 a, F8 b, F8 c) { KIT_EACH(std::fma(-a.lane[i], b.lane[i], c.lane[i])); }
// b when a is a NaN.
KIT_LANES F8 Min(F8 a, F8 b) { KIT_EACH(a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]); }
KIT_LANES F8 Max(F8 a, F8 b) { KIT_EACH(a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]); }
KIT_LANES F8 Abs(F8 a) { KIT_EACH(std::bit_cast<float>(std::bit_cast<uint32_t>(a.lane[i]) & 0x7fffffffU)); }
// x where a < b, else y.
KIT_LANES F8 SelectLess(F8 a, F8 b, F8 x, F8 y) { KIT_EACH(a.lane[i] < b.lane[i] ? x.lane[i] : y.lane[i]); }
// Adds the low bits of `integer` to the exponent of a.
KIT_LANES F8 ShiftExponent(F8 a, F8 integer) {
  KIT_EACH(std::bit_cast<float>(std::bit_cast<uint32_t>(a.lane[i]) + (std::bit_cast<uint32_t>(integer.lane[i]) << 23)));
}
// Flips the sign of a where `integer` is odd.
KIT_LANES F8 FlipSign(F8 a, F8 integer) {
  KIT_EACH(std::bit_cast<float>(std::bit_cast<uint32_t>(a.lane[i]) ^ (std::bit_cast<uint32_t>(integer.lane[i]) << 31)));
}
KIT_LANES void Store(float* to, F8 a) {
  for (int i = 0; i < 8; ++i) to[i] = a.lane[i];
}
// even[0], odd[0], even[1] ..
KIT_LANES Interleaved Interleave(F8 even, F8 odd) {
  Interleaved out;
  for (int i = 0; i < 4; ++i) {
    out.low.lane[2 * i] = even.lane[i];
    out.low.lane[2 * i + 1] = odd.lane[i];
    out.high.lane[2 * i] = even.lane[4 + i];
    out.high.lane[2 * i + 1] = odd.lane[4 + i];
  }
  return out;
}
// Stores the low byte of each lane's bit pattern.
KIT_LANES void StoreLowBytes(uint8_t* to, F8 a) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<uint8_t>(std::bit_cast<uint32_t>(a.lane[i]));
}
KIT_LANES void AddToDoubles(double* sums, F8 a) {
  for (int i = 0; i < 8; ++i) sums[i] += static_cast<double>(a.lane[i]);
}
KIT_LANES float SumLanes(F8 a) {
  const float* const l = a.lane;
  return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

struct F4 {
  float lane[4];
};
KIT_LANES F4 Load4(const float* from) { return {from[0], from[1], from[2], from[3]}; }
KIT_LANES F4 Broadcast4(float value) { return {value, value, value, value}; }
KIT_LANES F4 Mul(F4 a, F4 b) {
  for (int i = 0; i < 4; ++i) a.lane[i] *= b.lane[i];
  return a;
}
KIT_LANES F4 MulAdd(F4 a, F4 b, F4 c) {
  for (int i = 0; i < 4; ++i) c.lane[i] = std::fma(a.lane[i], b.lane[i], c.lane[i]);
  return c;
}
KIT_LANES void Store(float* to, F4 a) {
  for (int i = 0; i < 4; ++i) to[i] = a.lane[i];
}

#undef KIT_EACH

}  // namespace kitsink::lanes_scalar
