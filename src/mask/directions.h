#pragma once
// The directions in which the inputs of a mixer vary together.
//
// All counters of a decision say much the same, so their stretches have one large common part: on real maps it holds
// 85 % of their power. A gradient step along it is tens of times as large as along the differences between counters,
// which are what a mixer has to learn. So a mixer takes its steps along inputs from which most of the common part is
// removed: a natural gradient (Amari 1998) with a covariance of few directions.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mask/journal.h"
#include "mask/mixing.h"

namespace kitsink {

// Finds the leading directions by orthogonal iteration over the inputs that it is shown.
class Directions {
 public:
  // `count` directions, 1 or more, among `num_inputs` inputs, a multiple of kLanes and at most 256; the first
  // `num_alike` inputs begin with equal parts.
  Directions(size_t num_inputs, size_t num_alike, size_t count);

  // Sets `out` to `inputs` without most of their parts along the directions. Magnitudes stay below 2^13.
  // REQUIRES: both have num_inputs values, |inputs[i]| < 2^12.
  void Reduce(std::span<const int32_t> inputs, std::span<int32_t> out);
  // Learns from the inputs that were last reduced.
  void Learn(std::span<const int32_t> inputs);
  // Saves all that Learn() may change.
  void SaveState(Journal& journal);

 private:
  struct Direction {
    std::vector<int32_t> unit;       // in units of 2^-kWeightBits, the vector's length is 1
    std::vector<int32_t> direction;  // the same in units of 2^-11, as kernels take inputs
    std::vector<int32_t> sums;       // of inputs, weighted by their part along the direction
    int32_t part = 0;                // of the last inputs
    void Set(std::span<const int64_t> values, int64_t length);
  };
  void Turn();

  const MixingKernels& kernels_;
  std::vector<Direction> directions_;
  std::vector<int64_t> turned_;
  int learned_ = 0;
};

}  // namespace kitsink
