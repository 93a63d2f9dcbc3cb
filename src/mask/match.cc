// Finds the place in another map whose neighbourhood is most like that of a pixel.

#include "mask/match.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace kitsink {
namespace {

constexpr int kReach = 12;  // largest offset of a match, in rows or columns
static_assert(kMarginColumns >= 16 && kMarginRows >= 4);

// Weights of mismatches: of the 16 pixels on the left in the row, and of 16 in each row above, which start 8 to the
// left.
struct Weights {
  uint8_t row, near, far;
};
constexpr std::array<Weights, 16> kWeights = [] {
  std::array<Weights, 16> weights{};
  for (int i = 0; i < 16; ++i) {
    Weights& w = weights[static_cast<size_t>(i)];
    w.row = static_cast<uint8_t>((i >= 6 ? 2 : 0) + (i >= 12 ? 2 : 0));
    w.near = i >= 4 && i <= 12 ? 3 : 1;  // in the two rows above
    w.far = 1;                           // in the two above those
  }
  return weights;
}();

#if defined(__x86_64__)
__m128i Load(const uint8_t* bytes) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)); }

template <uint8_t Weights::*kField>
__m128i LoadWeights() {
  alignas(16) static constexpr std::array<uint8_t, 16> kBytes = [] {
    std::array<uint8_t, 16> bytes{};
    for (size_t i = 0; i < 16; ++i) bytes[i] = kWeights[i].*kField;
    return bytes;
  }();
  return Load(kBytes.data());
}
#endif

}  // namespace

int DifferenceScalar(const MapTables& current, const MapTables& other, int x, int y, int other_x, int other_y) {
  int sum = 0;
  for (int row = 0; row <= 4; ++row) {
    const int from = row == 0 ? -16 : -8;
    const uint8_t *a = current.ids.Row(y - row) + x + from, *b = other.ids.Row(other_y - row) + other_x + from;
    for (size_t i = 0; i < 16; ++i) {
      const Weights& w = kWeights[i];
      if (a[i] != b[i]) sum += row == 0 ? w.row : row <= 2 ? w.near : w.far;
    }
  }
  return sum;
}

int Difference(const MapTables& current, const MapTables& other, int x, int y, int other_x, int other_y) {
#if defined(__x86_64__)
  const auto stride = static_cast<ptrdiff_t>(current.ids.stride());
  const uint8_t *a = current.ids.Row(y) + x, *b = other.ids.Row(other_y) + other_x;
  const auto mismatches = [&](ptrdiff_t offset, __m128i weights) {
    return _mm_andnot_si128(_mm_cmpeq_epi8(Load(a + offset), Load(b + offset)), weights);
  };
  const __m128i near = LoadWeights<&Weights::near>(), far = LoadWeights<&Weights::far>();
  __m128i sums = mismatches(-16, LoadWeights<&Weights::row>());
  sums = _mm_add_epi8(sums, mismatches(-stride - 8, near));
  sums = _mm_add_epi8(sums, mismatches(-2 * stride - 8, near));
  sums = _mm_add_epi8(sums, mismatches(-3 * stride - 8, far));
  sums = _mm_add_epi8(sums, mismatches(-4 * stride - 8, far));
  sums = _mm_sad_epu8(sums, _mm_setzero_si128());
  return _mm_cvtsi128_si32(sums) + _mm_cvtsi128_si32(_mm_srli_si128(sums, 8));
#else
  return DifferenceScalar(current, other, x, y, other_x, other_y);
#endif
}

void Matcher::StartMap() { std::ranges::fill(found_, Match{}); }

const Match& Matcher::Find(const MapTables& current, const MapTables& other, int x, int y) {
  int best_x = 0, best_y = 0, best = INT32_MAX;
  const auto consider = [&](int dx, int dy) {
    const int other_x = x + dx, other_y = y + dy;
    if (std::max(std::abs(dx), std::abs(dy)) > kReach || other_x < 0 || other_x >= other.width || other_y < 0 ||
        other_y >= other.height) {
      return;
    }
    // The added bit breaks ties: the pixel's own place wins, then the first place tried.
    const int difference = 2 * Difference(current, other, x, y, other_x, other_y) + ((dx | dy) != 0 ? 1 : 0);
    if (difference >= best) return;
    best = difference;
    best_x = dx;
    best_y = dy;
  };
  consider(0, 0);
  for (const int offset : {-1, 0, 1, 3, 6}) {
    const Match& near = found_[static_cast<size_t>(std::clamp(x + offset, 0, current.width - 1))];
    consider(near.dx, near.dy);
  }
  const int from_x = best_x, from_y = best_y;
  for (int dy = -1; dy <= 1; ++dy) {
    for (int dx = -1; dx <= 1; ++dx) {
      if (dx != 0 || dy != 0) consider(from_x + dx, from_y + dy);
    }
  }
  Match& found = found_[static_cast<size_t>(x)];
  found = {static_cast<int8_t>(best_x), static_cast<int8_t>(best_y),
           static_cast<uint8_t>(std::min((best + 1) / 6, kMaxDoubt))};
  return found;
}

}  // namespace kitsink
