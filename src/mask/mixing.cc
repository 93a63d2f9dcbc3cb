// Kernels of the mixers and networks, scalar and AVX2.

#include "mask/mixing.h"

#include <algorithm>
#include <cstddef>

// KITSINK_SCALAR omits the vector kernels, in which sanitizers cannot see an overflow.
#if defined(__x86_64__) && !defined(KITSINK_SCALAR)
#define KIT_AVX2 1
#include <immintrin.h>
#endif

namespace kitsink {
namespace {

// How weights of a precision are shifted where a product must fit.
template <int kBits>
struct Precision {
  static constexpr int kDotShift = kBits == kFineWeightBits ? 8 : 4;
  static constexpr int kTrainShift = kBits == kFineWeightBits ? 8 : 10;
  static constexpr int32_t kMaxWeight = 1 << (kBits + 4);
};

template <int kBits>
int32_t DotScalar(const int32_t* weights, const int32_t* inputs, int n) {
  int32_t sum = 0;
  for (int i = 0; i < n; ++i) sum += ((weights[i] >> Precision<kBits>::kDotShift) * inputs[i]) >> 7;
  return sum;
}

template <int kBits>
void TrainScalar(int32_t* weights, const int32_t* inputs, int n, int32_t step) {
  for (int i = 0; i < n; ++i) {
    constexpr int kShift = Precision<kBits>::kTrainShift;
    constexpr int32_t kMost = Precision<kBits>::kMaxWeight;
    weights[i] = std::clamp(weights[i] + ((inputs[i] * step + (1 << (kShift - 1))) >> kShift), -kMost, kMost);
  }
}

void SumRowsScalar(int32_t* out, const int32_t* table, const uint32_t* rows, int num_rows, int n) {
  for (int j = 0; j < n; ++j) {
    uint32_t sum = 0;
    for (int i = 0; i < num_rows; ++i)
      sum += static_cast<uint32_t>(table[size_t{rows[i]} * static_cast<size_t>(n) + static_cast<size_t>(j)]);
    out[j] = static_cast<int32_t>(sum);
  }
}

void AddScaledScalar(int32_t* row, const int32_t* step, int n, int32_t rate) {
  for (int j = 0; j < n; ++j) {
    row[j] = static_cast<int32_t>(static_cast<uint32_t>(row[j]) + static_cast<uint32_t>((step[j] * rate) >> 8));
  }
}

#if defined(KIT_AVX2)
__attribute__((target("avx2"))) void SumRowsAvx2(int32_t* out, const int32_t* table, const uint32_t* rows, int num_rows,
                                                 int n) {
  int j = 0;
  // Four vectors at a time: the sums stay in registers, and independent loads hide their latency.
  for (; j + 4 * kLanes <= n; j += 4 * kLanes) {
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (int i = 0; i < num_rows; ++i) {
      const auto* row = reinterpret_cast<const __m256i*>(table + size_t{rows[i]} * static_cast<size_t>(n) + j);
      a = _mm256_add_epi32(a, _mm256_loadu_si256(row));
      b = _mm256_add_epi32(b, _mm256_loadu_si256(row + 1));
      c = _mm256_add_epi32(c, _mm256_loadu_si256(row + 2));
      d = _mm256_add_epi32(d, _mm256_loadu_si256(row + 3));
    }
    auto* to = reinterpret_cast<__m256i*>(out + j);
    _mm256_storeu_si256(to, a);
    _mm256_storeu_si256(to + 1, b);
    _mm256_storeu_si256(to + 2, c);
    _mm256_storeu_si256(to + 3, d);
  }
  for (; j < n; j += kLanes) {
    __m256i a = _mm256_setzero_si256();
    for (int i = 0; i < num_rows; ++i) {
      a = _mm256_add_epi32(
          a,
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(table + size_t{rows[i]} * static_cast<size_t>(n) + j)));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + j), a);
  }
}

__attribute__((target("avx2"))) void AddScaledAvx2(int32_t* row, const int32_t* step, int n, int32_t rate) {
  const __m256i rates = _mm256_set1_epi32(rate);
  for (int j = 0; j < n; j += kLanes) {
    auto* at = reinterpret_cast<__m256i*>(row + j);
    const __m256i steps = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(step + j));
    const __m256i add = _mm256_srai_epi32(_mm256_mullo_epi32(steps, rates), 8);
    _mm256_storeu_si256(at, _mm256_add_epi32(_mm256_loadu_si256(at), add));
  }
}

template <int kBits>
__attribute__((target("avx2"))) int32_t DotAvx2(const int32_t* weights, const int32_t* inputs, int n) {
  __m256i sum = _mm256_setzero_si256();
  for (int i = 0; i < n; i += kLanes) {
    const __m256i w = _mm256_srai_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + i)),
                                        Precision<kBits>::kDotShift);
    const __m256i in = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(inputs + i));
    sum = _mm256_add_epi32(sum, _mm256_srai_epi32(_mm256_mullo_epi32(w, in), 7));
  }
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half);
}

template <int kBits>
__attribute__((target("avx2"))) void TrainAvx2(int32_t* weights, const int32_t* inputs, int n, int32_t step) {
  const __m256i steps = _mm256_set1_epi32(step);
  const __m256i half = _mm256_set1_epi32(1 << (Precision<kBits>::kTrainShift - 1));
  const __m256i top = _mm256_set1_epi32(Precision<kBits>::kMaxWeight);
  const __m256i bottom = _mm256_set1_epi32(-Precision<kBits>::kMaxWeight);
  for (int i = 0; i < n; i += kLanes) {
    auto* at = reinterpret_cast<__m256i*>(weights + i);
    const __m256i in = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(inputs + i));
    const __m256i change =
        _mm256_srai_epi32(_mm256_add_epi32(_mm256_mullo_epi32(in, steps), half), Precision<kBits>::kTrainShift);
    const __m256i w = _mm256_add_epi32(_mm256_loadu_si256(at), change);
    _mm256_storeu_si256(at, _mm256_max_epi32(_mm256_min_epi32(w, top), bottom));
  }
}
#endif

}  // namespace

const MixingKernels& ScalarKernels() {
  static constexpr MixingKernels kScalar = {
      DotScalar<kWeightBits>, TrainScalar<kWeightBits>, DotScalar<kFineWeightBits>, TrainScalar<kFineWeightBits>,
      SumRowsScalar,          AddScaledScalar};
  return kScalar;
}

const MixingKernels& BestKernels() {
#if defined(KIT_AVX2)
  static constexpr MixingKernels kAvx2 = {
      DotAvx2<kWeightBits>, TrainAvx2<kWeightBits>, DotAvx2<kFineWeightBits>, TrainAvx2<kFineWeightBits>,
      SumRowsAvx2,          AddScaledAvx2};
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return kAvx2;
#endif
  return ScalarKernels();
}

}  // namespace kitsink
