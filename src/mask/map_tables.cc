#include "mask/map_tables.h"

#include <cstring>

namespace kitsink {

MapTables::MapTables(int width_in, int height_in)
    : width(width_in),
      height(height_in),
      ids(width, height),
      left(width, height),
      right(width, height),
      up(width, height),
      down(width, height),
      flat(width, height) {}

void MapTables::StartMap(const MapTables& above) {
  const uint8_t* from = above.ids.Row(0) - kMarginColumns;
  for (int y = -kMarginRows; y < 0; ++y) {
    std::memcpy(ids.Row(y) - kMarginColumns, from, static_cast<size_t>(ids.stride()));
    std::memcpy(flat.Row(y) - kMarginColumns, above.flat.Row(0) - kMarginColumns, static_cast<size_t>(ids.stride()));
    std::memset(up.Row(y) - kMarginColumns, kFarRun, static_cast<size_t>(ids.stride()));
    std::memcpy(left.Row(y) - kMarginColumns, above.left.Row(0) - kMarginColumns, static_cast<size_t>(ids.stride()));
    std::memcpy(right.Row(y) - kMarginColumns, above.right.Row(0) - kMarginColumns, static_cast<size_t>(ids.stride()));
  }
}

void MapTables::FinishRow(int y) {
  uint8_t* row = ids.Row(y);
  std::memset(row - kMarginColumns, row[0], kMarginColumns);
  std::memset(row + width, row[width - 1], kMarginColumns);

  uint8_t* runs = left.Row(y);
  int run = kFarRun;
  for (int x = -kMarginColumns; x < width + kMarginColumns; ++x) {
    run = x > -kMarginColumns && row[x] != row[x - 1] ? 1 : std::min(run + 1, kFarRun);
    runs[x] = static_cast<uint8_t>(run);
  }
  const uint8_t* left_runs = runs;
  runs = right.Row(y);
  run = kFarRun;
  for (int x = width + kMarginColumns - 1; x >= -kMarginColumns; --x) {
    run = x < width + kMarginColumns - 1 && row[x] != row[x + 1] ? 1 : std::min(run + 1, kFarRun);
    runs[x] = static_cast<uint8_t>(run);
  }
  uint8_t* flags = flat.Row(y);
  const uint8_t* above = ids.Row(y - 1);
  const uint8_t* up_above = up.Row(y - 1);
  uint8_t* up_runs = up.Row(y);
  const int radius = flat_radius;
  for (int x = -kMarginColumns; x < width + kMarginColumns; ++x) {
    flags[x] = left_runs[x] > radius && runs[x] > radius ? row[x] : kMixed;
    up_runs[x] = row[x] != above[x] ? uint8_t{1} : static_cast<uint8_t>(std::min(up_above[x] + 1, kFarRun));
  }
}

void MapTables::FinishMap() {
  const auto stride = static_cast<size_t>(ids.stride());
  for (int y = height; y < height + kMarginRows; ++y) {
    for (Plane* plane : {&ids, &left, &right, &flat}) {
      std::memcpy(plane->Row(y) - kMarginColumns, plane->Row(height - 1) - kMarginColumns, stride);
    }
    std::memset(up.Row(y) - kMarginColumns, kFarRun, stride);
    std::memset(down.Row(y) - kMarginColumns, kFarRun, stride);
  }
  for (int y = height - 1; y >= -kMarginRows; --y) {
    const uint8_t* row = ids.Row(y);
    const uint8_t* below = ids.Row(y + 1);
    const uint8_t* down_below = down.Row(y + 1);
    uint8_t* runs = down.Row(y);
    for (int x = -kMarginColumns; x < width + kMarginColumns; ++x) {
      runs[x] = row[x] != below[x] ? uint8_t{1} : static_cast<uint8_t>(std::min(down_below[x] + 1, kFarRun));
    }
  }
}

}  // namespace kitsink
