#pragma once
// Eight floats at once in AVX2 and FMA, lane by lane as lanes_scalar.h.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace kitsink::lanes_avx2 {

using F8 = __m256;
using Lanes = F8;
constexpr size_t kLanes = 8;
// A convolution keeps up to kMaxOutputs * kMaxVectors sums in registers.
constexpr size_t kMaxVectors = 3, kMaxOutputs = 3;
struct Interleaved {
  F8 low, high;
};

#define KIT_TARGET __attribute__((target("avx2,fma")))
#define KIT_LANES KIT_TARGET __attribute__((always_inline)) static inline

KIT_LANES F8 Load(const float* from) { return _mm256_loadu_ps(from); }
KIT_LANES F8 Broadcast(float value) { return _mm256_set1_ps(value); }
KIT_LANES F8 Add(F8 a, F8 b) { return _mm256_add_ps(a, b); }
KIT_LANES F8 Sub(F8 a, F8 b) { return _mm256_sub_ps(a, b); }
KIT_LANES F8 Mul(F8 a, F8 b) { return _mm256_mul_ps(a, b); }
KIT_LANES F8 Div(F8 a, F8 b) { return _mm256_div_ps(a, b); }
KIT_LANES F8 MulAdd(F8 a, F8 b, F8 c) { return _mm256_fmadd_ps(a, b, c); }
KIT_LANES F8 NegMulAdd(F8 a, F8 b, F8 c) { return _mm256_fnmadd_ps(a, b, c); }
KIT_LANES F8 Min(F8 a, F8 b) { return _mm256_min_ps(a, b); }
KIT_LANES F8 Max(F8 a, F8 b) { return _mm256_max_ps(a, b); }
KIT_LANES F8 Abs(F8 a) { return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff))); }
KIT_LANES F8 SelectLess(F8 a, F8 b, F8 x, F8 y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
KIT_LANES F8 ShiftExponent(F8 a, F8 integer) {
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(_mm256_castps_si256(integer), 23)));
}
KIT_LANES F8 FlipSign(F8 a, F8 integer) {
  return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(integer), 31)));
}
KIT_LANES void Store(float* to, F8 a) { _mm256_storeu_ps(to, a); }
KIT_LANES Interleaved Interleave(F8 even, F8 odd) {
  const F8 low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
  return {_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31)};
}
KIT_LANES void StoreLowBytes(uint8_t* to, F8 a) {
  const __m256i bytes = _mm256_and_si256(_mm256_castps_si256(a), _mm256_set1_epi32(0xff));
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(words, words));
}
KIT_LANES void AddToDoubles(double* sums, F8 a) {
  const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(a));
  const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
  _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), low));
  _mm256_storeu_pd(sums + 4, _mm256_add_pd(_mm256_loadu_pd(sums + 4), high));
}
KIT_LANES float SumLanes(F8 a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

using F4 = __m128;
KIT_LANES F4 Load4(const float* from) { return _mm_loadu_ps(from); }
KIT_LANES F4 Broadcast4(float value) { return _mm_set1_ps(value); }
KIT_LANES F4 Mul(F4 a, F4 b) { return _mm_mul_ps(a, b); }
KIT_LANES F4 MulAdd(F4 a, F4 b, F4 c) { return _mm_fmadd_ps(a, b, c); }
KIT_LANES void Store(float* to, F4 a) { _mm_storeu_ps(to, a); }

}  // namespace kitsink::lanes_avx2
