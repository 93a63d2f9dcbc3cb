#pragma once
// Template matching: where in another map the neighbourhood of a pixel that is known already looks most alike.

#include <cstdint>
#include <vector>

#include "mask/map_tables.h"

namespace kitsink {

struct Match {
  int8_t dx = 0, dy = 0;  // from the pixel to its match
  uint8_t doubt = 0;      // 0 when all of the neighbourhood agrees .. kMaxDoubt
};
inline constexpr int kMaxDoubt = 6;

// Matches pixels of one map, in coding order, with another map. Each search tries the matches found around and the
// eight places beside the best of them.
class Matcher {
 public:
  explicit Matcher(int width) : found_(static_cast<size_t>(width)) {}
  void StartMap();
  // REQUIRES: `current` is known in the rows above y and left of x; both maps have the size of the first.
  const Match& Find(const MapTables& current, const MapTables& other, int x, int y);

 private:
  std::vector<Match> found_;  // the latest in each column
};

// How much the pixels before (x, y) in `current` differ from those before (other_x, other_y) in `other`: mismatches,
// near ones counted more than once. The maps have one size.
int Difference(const MapTables& current, const MapTables& other, int x, int y, int other_x, int other_y);
int DifferenceScalar(const MapTables& current, const MapTables& other, int x, int y, int other_x, int other_y);

}  // namespace kitsink
