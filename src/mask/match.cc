#include "mask/match.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace kitsink {
namespace {

constexpr int kReach = 12;  // the longest match in rows or columns
static_assert(kMarginColumns >= 16 && kMarginRows >= 4);

// Mismatches of the neighbourhoods, near ones counted more than once: 10 pixels of the row, 16 of each of 4 rows above.
int Difference(const MapTables& current, const MapTables& other, int x, int y, int other_x, int other_y) {
  const uint32_t row = DifferingIds(current.ids.Row(y) + x - 16, other.ids.Row(other_y) + other_x - 16);
  int sum = 2 * std::popcount(row & 0xffc0) + 2 * std::popcount(row & 0xf000);
  for (int above = 1; above <= 4; ++above) {
    const uint32_t mask =
        DifferingIds(current.ids.Row(y - above) + x - 8, other.ids.Row(other_y - above) + other_x - 8);
    sum += std::popcount(mask);
    if (above <= 2) sum += 2 * std::popcount(mask & 0x1ff0);
  }
  return sum;
}

}  // namespace

uint32_t DifferingIdsScalar(const uint8_t* a, const uint8_t* b) {
  uint32_t mask = 0;
  for (uint32_t i = 0; i < 16; ++i) mask |= uint32_t{a[i] != b[i]} << i;
  return mask;
}

uint32_t DifferingIds(const uint8_t* a, const uint8_t* b) {
#if defined(__x86_64__)
  const __m128i equal = _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a)),
                                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
  return static_cast<uint32_t>(_mm_movemask_epi8(equal)) ^ 0xffffU;
#else
  return DifferingIdsScalar(a, b);
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
    // Of equals the pixel's own place wins, then the first.
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
