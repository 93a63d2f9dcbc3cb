// Makes Laplace frequency tables in fixed point, for version 1 of stream p.

#include "pose/laplace_table.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "kitsink/result.h"

namespace kitsink {
namespace {

__extension__ using Wide = unsigned __int128;

// Fixed point with 100 fraction bits. Every step truncates, so the tables are the same on every machine. The error
// stays below 2^-78 of one frequency unit, far too small to move a probability across a rounding boundary.
constexpr int kFractionBits = 100;
constexpr Wide kOne = Wide{1} << kFractionBits;

// a * b for a, b <= 1.
Wide Multiply(Wide a, Wide b) {
  const uint64_t a1 = static_cast<uint64_t>(a >> 64), a0 = static_cast<uint64_t>(a);
  const uint64_t b1 = static_cast<uint64_t>(b >> 64), b0 = static_cast<uint64_t>(b);
  const Wide middle = Wide{a1} * b0 + Wide{a0} * b1 + (Wide{a0} * b0 >> 64);
  return (Wide{a1} * b1 << (128 - kFractionBits)) + (middle >> (kFractionBits - 64));
}

// exp(-1 / scale), as the fourth power of exp(-1 / (4 scale)). The argument of the latter is at most 1, so every sum of
// its alternating series lies in [0, 1].
Wide Decay(uint16_t scale) {
  const int exponent = scale >> 10;  // scale = significand * 2^(exponent - 25)
  const uint32_t significand = 1024U + (scale & 1023U);
  const Wide argument = (Wide{1} << (kFractionBits + 23 - exponent)) / significand;
  Wide positive = kOne, negative = 0, term = kOne;
  for (uint32_t n = 1; term != 0; ++n) {
    term = Multiply(term, argument) / n;
    (n % 2 == 0 ? positive : negative) += term;
  }
  const Wide root = positive - negative;
  const Wide square = Multiply(root, root);
  return Multiply(square, square);
}

}  // namespace

uint16_t LaplaceScale(std::span<const int32_t> deltas) {
  if (deltas.empty()) return kMinLaplaceScale;
  std::vector<int32_t> sorted(deltas.begin(), deltas.end());
  std::sort(sorted.begin(), sorted.end());
  const size_t n = sorted.size();
  // Twice the median is an integer, so the mean deviation is `deviation` / (2 n) exactly.
  const int64_t median2 = int64_t{sorted[(n - 1) / 2]} + sorted[n / 2];
  uint64_t deviation = 0;
  for (const int32_t delta : sorted) deviation += static_cast<uint64_t>(std::abs(2 * int64_t{delta} - median2));
  const uint64_t divisor = 2 * n;
  if (4 * deviation <= divisor) return kMinLaplaceScale;
  // Scaled by 2^12 the quotient is at least 1024, which gives a significand of 11 bits; the remainder decides rounding.
  const uint64_t scaled = deviation << 12;
  const int excess_bits = static_cast<int>(std::bit_width(scaled / divisor)) - 11;
  const uint64_t unit = divisor << excess_bits;
  uint64_t significand = scaled / unit;
  const uint64_t rest = scaled % unit;
  if (2 * rest > unit || (2 * rest == unit && significand % 2 == 1)) ++significand;
  // A carry out of the significand lands in the exponent field.
  return static_cast<uint16_t>(kMinLaplaceScale + (static_cast<uint64_t>(excess_bits) << 10) + (significand - 1024));
}

std::vector<uint32_t> LaplaceFrequencies(uint16_t scale, uint32_t alphabet) {
  KIT_CHECK(scale >= kMinLaplaceScale && scale < 0x7c00 && alphabet % 2 == 1 && alphabet < kLaplaceTotal);
  const Wide decay = Decay(scale);
  std::vector<Wide> weights(alphabet / 2 + 1);  // of |k|
  Wide sum = weights[0] = kOne;
  for (size_t k = 1; k < weights.size(); ++k) {
    weights[k] = Multiply(weights[k - 1], decay);
    sum += 2 * weights[k];
  }
  std::vector<uint32_t> frequencies(alphabet);
  int64_t missing = kLaplaceTotal;
  for (uint32_t rank = 0; rank < alphabet; ++rank) {
    const Wide scaled = weights[(rank + 1) / 2] << kLaplaceTotalBits;
    const Wide rest = scaled % sum;
    uint32_t frequency = static_cast<uint32_t>(scaled / sum);
    if (2 * rest > sum || (2 * rest == sum && frequency % 2 == 1)) ++frequency;
    frequencies[rank] = std::max(frequency, 1U);
    missing -= frequencies[rank];
  }
  // Probability falls as the rank rises. Missing units are added to, and excess units taken from, ranks 0, 1, 2 .. in
  // rounds. A rank with frequency 1 cannot give a unit, and neither can any rank after it, so a new round starts.
  for (uint32_t rank = 0; missing != 0; rank = (rank + 1) % alphabet) {
    if (missing < 0 && frequencies[rank] == 1) rank = 0;
    const int32_t unit = missing > 0 ? 1 : -1;
    frequencies[rank] += static_cast<uint32_t>(unit);
    missing -= unit;
  }
  return frequencies;
}

}  // namespace kitsink
