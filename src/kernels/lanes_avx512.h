#pragma once
// Sixteen floats at once in AVX-512, lane by lane as lanes_scalar.h.

#include <immintrin.h>

#include <cstddef>

namespace kitsink::lanes_avx512 {

using Lanes = __m512;
constexpr size_t kLanes = 16;
// A convolution keeps up to kMaxOutputs * kMaxVectors sums in registers.
constexpr size_t kMaxVectors = 4, kMaxOutputs = 6;
struct Interleaved {
  Lanes low, high;
};

// The forms without a mask are undefined to GCC 12, which warns about its own header.
constexpr __mmask16 kAll = 0xffff;

#define KIT_TARGET __attribute__((target("avx512f")))
#define KIT_LANES KIT_TARGET __attribute__((always_inline)) static inline

KIT_LANES Lanes Load(const float* from) { return _mm512_loadu_ps(from); }
KIT_LANES Lanes Broadcast(float value) { return _mm512_set1_ps(value); }
KIT_LANES Lanes Add(Lanes a, Lanes b) { return _mm512_add_ps(a, b); }
KIT_LANES Lanes Sub(Lanes a, Lanes b) { return _mm512_sub_ps(a, b); }
KIT_LANES Lanes Mul(Lanes a, Lanes b) { return _mm512_mul_ps(a, b); }
KIT_LANES Lanes Div(Lanes a, Lanes b) { return _mm512_div_ps(a, b); }
KIT_LANES Lanes MulAdd(Lanes a, Lanes b, Lanes c) { return _mm512_fmadd_ps(a, b, c); }
KIT_LANES Lanes NegMulAdd(Lanes a, Lanes b, Lanes c) { return _mm512_fnmadd_ps(a, b, c); }
KIT_LANES Lanes Min(Lanes a, Lanes b) { return _mm512_maskz_min_ps(kAll, a, b); }
KIT_LANES Lanes Max(Lanes a, Lanes b) { return _mm512_maskz_max_ps(kAll, a, b); }
KIT_LANES Lanes ShiftExponent(Lanes a, Lanes integer) {
  return _mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_castps_si512(a), _mm512_maskz_slli_epi32(kAll, _mm512_castps_si512(integer), 23)));
}
KIT_LANES Lanes FlipSign(Lanes a, Lanes integer) {
  return _mm512_castsi512_ps(
      _mm512_xor_si512(_mm512_castps_si512(a), _mm512_maskz_slli_epi32(kAll, _mm512_castps_si512(integer), 31)));
}
KIT_LANES void Store(float* to, Lanes a) { _mm512_storeu_ps(to, a); }
KIT_LANES Interleaved Interleave(Lanes even, Lanes odd) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return {_mm512_permutex2var_ps(even, low, odd), _mm512_permutex2var_ps(even, high, odd)};
}

}  // namespace kitsink::lanes_avx512
