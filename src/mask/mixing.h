#pragma once
// Dot products and gradient steps on int32 vectors, for mixers and networks. Scalar and AVX2 results are equal.

#include <cstdint>

namespace kitsink {

inline constexpr int kWeightBits = 18;      // a mixer weight of 1.0
inline constexpr int kFineWeightBits = 22;  // the same where small steps must not be lost
inline constexpr int kLanes = 8;            // vector lengths are multiples of this

struct MixingKernels {
  // Returns the sum over i of ((weights[i] >> 4) * inputs[i]) >> 7, a stretch in units of 2^-15.
  // REQUIRES: |weights[i]| <= 2^22, |inputs[i]| < 2^12, n a multiple of kLanes and at most 256.
  int32_t (*dot)(const int32_t* weights, const int32_t* inputs, int n);
  // weights[i] += (inputs[i] * step + 2^9) >> 10, then clamped to +-2^22. REQUIRES: |step| < 2^18.
  void (*train)(int32_t* weights, const int32_t* inputs, int n, int32_t step);
  // The same with weights of kFineWeightBits: ((weights[i] >> 8) * inputs[i]) >> 7, and
  // weights[i] += (inputs[i] * step + 2^7) >> 8, clamped to +-2^26. REQUIRES: |inputs[i] * step| < 2^30.
  int32_t (*fine_dot)(const int32_t* weights, const int32_t* inputs, int n);
  void (*fine_train)(int32_t* weights, const int32_t* inputs, int n, int32_t step);
  // out[j] = sum over rows r of table[r * n + j], modulo 2^32.
  void (*sum_rows)(int32_t* out, const int32_t* table, const uint32_t* rows, int num_rows, int n);
  // row[j] += (step[j] * rate) >> 8, modulo 2^32. REQUIRES: |step[j]| < 2^20, 0 <= rate <= 2^10.
  void (*add_scaled)(int32_t* row, const int32_t* step, int n, int32_t rate);
};

const MixingKernels& ScalarKernels();
// The fastest kernels for this CPU. Their results equal those of ScalarKernels().
const MixingKernels& BestKernels();

}  // namespace kitsink
