#pragma once
// Motion between two maps: zoom, shift, and the perspective of a plane seen from a moving camera.

#include <array>
#include <cstdint>

#include "mask/map_tables.h"

namespace kitsink {

// Pixel (x, y) of a map is predicted by pixel (x', y') of the previous one. With v = y - horizon, below = max(v, 0) and
// scale = 2^32 / (2^16 + below * approach / 4), all divisions and shifts rounding down:
//   x' = centre + ((x - centre) * scale + shift_x + shear * below + 2^15 >> 16),  y' = horizon + (v * scale + shift_y +
//   2^15 >> 16)
// A forward drive over the plane makes `approach` positive. If all fields but `centre` and `horizon` are zero, the map
// stays the same. Only classes on the plane move: a pixel keeps its class if the previous map has a class that is not
// on the plane at (x, y) or at (x', y').
struct Motion {
  enum { kCentre, kHorizon, kApproach, kShiftX, kShiftY, kShear, kNumFields };
  std::array<int32_t, kNumFields> field{};
  uint32_t plane = 0xffff;  // bit c: class c moves
  bool operator==(const Motion&) const = default;
};

// Magnitudes of the fields are below 2^kMotionBits. Units: shifts 2^-3 pixels, shear 2^-10, approach 2^-18.
inline constexpr int kMotionBits = 12;

// A row of a warped map reads source row y; its column x reads source column (start + x * step) >> 16.
struct WarpedRow {
  int y;
  int64_t start, step;
};
WarpedRow WarpRow(const Motion& motion, int y, int height);

// Warps one row of ids. Its tables are not finished.
void WarpIds(const MapTables& from, const Motion& motion, int y, MapTables& to);
// Warps `from` into `to`, with all tables of `to`.
void WarpMap(const MapTables& from, const Motion& motion, MapTables& to);

}  // namespace kitsink
