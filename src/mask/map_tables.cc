// Fills the margins and run lengths of a map.

#include "mask/map_tables.h"

#include <algorithm>
#include <cstring>

namespace kitsink {

MapTables::MapTables(int width_in, int height_in, int flat_radius_in)
    : width(width_in),
      height(height_in),
      flat_radius(flat_radius_in),
      ids(width, height),
      left(width, height),
      right(width, height),
      up(width, height),
      down(width, height),
      flat(width, height) {}

void MapTables::StartMap(const MapTables& above) {
  for (int y = -kMarginRows; y < 0; ++y) {
    const auto copy = [&](const Plane& from, Plane& to) {
      std::memmove(to.Row(y) - kMarginColumns, from.Row(0) - kMarginColumns, from.stride());
    };
    copy(above.ids, ids);
    copy(above.left, left);
    copy(above.right, right);
    copy(above.flat, flat);
    std::memset(up.Row(y) - kMarginColumns, kFarRun, up.stride());
  }
}

void MapTables::StartRow(int y) {
  std::memset(ids.Row(y) - kMarginColumns, ids.Row(y - 1)[0], kMarginColumns);
  std::memset(left.Row(y) - kMarginColumns, kFarRun, kMarginColumns);
}

void MapTables::FinishRow(int y) {
  uint8_t* row = ids.Row(y);
  std::memset(row - kMarginColumns, row[0], kMarginColumns);
  std::memset(row + width, row[width - 1], kMarginColumns);

  constexpr int kFirst = -kMarginColumns;
  const int end = width + kMarginColumns;
  uint8_t* left_runs = left.Row(y);
  uint8_t* right_runs = right.Row(y);
  // Most rows have few runs, so work run by run.
  for (int start = kFirst; start < end;) {
    int stop = start + 1;
    while (stop < end && row[stop] == row[start]) ++stop;
    for (int x = start; x < stop; ++x) {
      left_runs[x] = static_cast<uint8_t>(start == kFirst ? kFarRun : std::min(x - start + 1, kFarRun));
      right_runs[x] = static_cast<uint8_t>(stop == end ? kFarRun : std::min(stop - x, kFarRun));
    }
    start = stop;
  }
  uint8_t* flags = flat.Row(y);
  for (int x = kFirst; x < end; ++x) {
    flags[x] = left_runs[x] > flat_radius && right_runs[x] > flat_radius ? row[x] : kMixed;
  }
  CountUp(y);
}

void MapTables::CountUp(int y) {
  const uint8_t *row = ids.Row(y), *above = ids.Row(y - 1), *up_above = up.Row(y - 1);
  uint8_t* runs = up.Row(y);
  for (int x = -kMarginColumns; x < width + kMarginColumns; ++x) {
    const auto longer = static_cast<uint8_t>(up_above[x] + (up_above[x] < kFarRun ? 1 : 0));
    runs[x] = row[x] == above[x] ? longer : uint8_t{1};
  }
}

void MapTables::CountDown(int y) {
  const uint8_t *row = ids.Row(y), *below = ids.Row(y + 1), *down_below = down.Row(y + 1);
  uint8_t* runs = down.Row(y);
  for (int x = -kMarginColumns; x < width + kMarginColumns; ++x) {
    const auto longer = static_cast<uint8_t>(down_below[x] + (down_below[x] < kFarRun ? 1 : 0));
    runs[x] = row[x] == below[x] ? longer : uint8_t{1};
  }
}

void MapTables::FillMarginBelow() {
  const size_t stride = ids.stride();
  for (int y = height; y < height + kMarginRows; ++y) {
    for (Plane* plane : {&ids, &left, &right, &flat}) {
      std::memcpy(plane->Row(y) - kMarginColumns, plane->Row(height - 1) - kMarginColumns, stride);
    }
    std::memset(up.Row(y) - kMarginColumns, kFarRun, stride);
    std::memset(down.Row(y) - kMarginColumns, kFarRun, stride);
  }
}

void MapTables::FinishMap() {
  FillMarginBelow();
  for (int y = height - 1; y >= 0; --y) CountDown(y);
}

void FillMap(const uint8_t* ids, const MapTables& above, MapTables& map) {
  map.StartMap(above);
  for (int y = 0; y < map.height; ++y, ids += map.width) {
    std::copy_n(ids, map.width, map.ids.Row(y));
    map.FinishRow(y);
  }
  map.FinishMap();
}

MapTables EmptyMap(int width, int height, int flat_radius) {
  MapTables map(width, height, flat_radius);
  map.StartMap(map);
  for (int y = 0; y < height; ++y) map.FinishRow(y);
  map.FinishMap();
  return map;
}

}  // namespace kitsink
