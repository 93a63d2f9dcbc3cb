#pragma once
// Template matching: finds the place in another map that is most like the neighbourhood of a pixel, as far as coded.

#include <cstdint>
#include <vector>

#include "mask/journal.h"
#include "mask/map_tables.h"

namespace kitsink {

struct Match {
  int8_t dx = 0, dy = 0;  // from the pixel to its match
  uint8_t doubt = 0;      // 0 (all pixels of the neighbourhoods are equal) .. kMaxDoubt
};
inline constexpr int kMaxDoubt = 6;

// Matches the pixels of one map, in coding order, with another map. Each search tries the matches of pixels nearby,
// then the eight neighbours of the best one.
class Matcher {
 public:
  explicit Matcher(int width) : found_(static_cast<size_t>(width)) {}
  void StartMap();
  void SaveState(Journal& journal) { journal.Save(found_.data(), found_.size()); }
  // REQUIRES: `current` is coded above row y and left of x in row y; both maps have the same size in all calls.
  const Match& Find(const MapTables& current, const MapTables& other, int x, int y);

 private:
  std::vector<Match> found_;  // the latest match in each column
};

// Weighted number of mismatches between the coded neighbourhood of (x, y) in `current` and that of (other_x, other_y)
// in `other`; near pixels weigh more. REQUIRES: both maps have the same size.
int Difference(const MapTables& current, const MapTables& other, int x, int y, int other_x, int other_y);
int DifferenceScalar(const MapTables& current, const MapTables& other, int x, int y, int other_x, int other_y);

}  // namespace kitsink
