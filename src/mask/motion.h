#pragma once
// Motion of a whole map between two moments: zoom, shift, and the perspective of a plane seen from a moving camera.

#include <array>
#include <cstdint>

#include "mask/map_tables.h"

namespace kitsink {

// Pixel (x, y) of a map is predicted by pixel (x', y') of the previous one. With v = y - horizon, below = max(v, 0) and
// scale = 2^32 / (2^16 + below * approach / 4), all divisions and shifts rounding down:
//   x' = centre + ((x - centre) * scale + shift_x + shear * below + 2^15 >> 16),  y' = horizon + (v * scale + shift_y +
//   2^15 >> 16)
// A camera that drives towards a plane makes `approach` positive; all zeros but the first two leave a map as it is.
// Only classes of the plane move: where the previous map has another class at (x, y) or at (x', y'), the one at (x, y)
// stays.
struct Motion {
  enum { kCentre, kHorizon, kApproach, kShiftX, kShiftY, kShear, kNumFields };
  std::array<int32_t, kNumFields> field{};
  uint32_t plane = 0xffff;  // bit c: class c moves
  bool operator==(const Motion&) const = default;
};

// Magnitudes of the fields stay below 2^12; shifts are in units of 2^-3 pixels, shear of 2^-10, approach of 2^-18.
inline constexpr int kMotionBits = 12;

// A row of a warped map: source row, and the source column of x as (start + x * step) >> 16.
struct WarpedRow {
  int y;
  int64_t start, step;
};
WarpedRow WarpRow(const Motion& motion, int y, int height);

// Fills `to` (all rows, margins and runs) from `from`.
void WarpMap(const MapTables& from, const Motion& motion, MapTables& to);

}  // namespace kitsink
