// Warps a map by a motion.

#include "mask/motion.h"

#include <algorithm>

namespace kitsink {

WarpedRow WarpRow(const Motion& motion, int y, int height) {
  const auto& f = motion.field;
  const int64_t v = y - f[Motion::kHorizon];
  const int64_t below = std::max<int64_t>(v, 0);
  const int64_t divisor = std::clamp<int64_t>(65536 + ((below * f[Motion::kApproach]) >> 2), 1 << 14, 1 << 18);
  const int64_t scale = (int64_t{1} << 32) / divisor;
  const int64_t row = f[Motion::kHorizon] + ((v * scale + int64_t{f[Motion::kShiftY]} * 8192 + 32768) >> 16);
  const int64_t centre = f[Motion::kCentre];
  const int64_t start =
      centre * (65536 - scale) + int64_t{f[Motion::kShiftX]} * 8192 + int64_t{f[Motion::kShear]} * 64 * below + 32768;
  return {static_cast<int>(std::clamp<int64_t>(row, 0, height - 1)), start, scale};
}

void WarpIds(const MapTables& from, const Motion& motion, int y, MapTables& to) {
  const WarpedRow warp = WarpRow(motion, y, from.height);
  const uint8_t* source = from.ids.Row(warp.y);
  uint8_t* row = to.ids.Row(y);
  const uint8_t* here = from.ids.Row(y);
  int64_t at = warp.start;
  for (int x = 0; x < to.width; ++x, at += warp.step) {
    const uint8_t id = source[std::clamp<int64_t>(at >> 16, 0, from.width - 1)];
    row[x] = (motion.plane >> here[x] & motion.plane >> id & 1) != 0 ? id : here[x];
  }
}

void WarpMap(const MapTables& from, const Motion& motion, MapTables& to) {
  to.StartMap(from);
  for (int y = 0; y < to.height; ++y) {
    WarpIds(from, motion, y, to);
    to.FinishRow(y);
  }
  to.FinishMap();
}

}  // namespace kitsink
