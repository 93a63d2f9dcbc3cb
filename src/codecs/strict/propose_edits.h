#pragma once
// Proposes edits of a class map: which pixels might take other classes, ranked by a guess of what that does to the
// score.

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "kitsink/mask_prices.h"

namespace kitsink::strict {

// Score of a wrong pixel, and of a bit.
struct EditCosts {
  double error = 0, bit = 0;
};

// A map between its neighbours in time, as they are now.
struct MapInTime {
  uint32_t width = 0, height = 0;
  std::span<const uint8_t> ids;
  std::span<const uint8_t> previous, next;  // empty at the ends of the clip
};

// Pixels that change together.
struct EditIdea {
  MapEdits edits;
  double errors = 0;  // change of the number of wrong pixels, by the gradient
  double bits = 0;    // change of the code length: a guess by neighbours in place and time, later the exact price
  double Score(const EditCosts& costs) const { return costs.error * errors + costs.bit * bits; }
};

// What tells ideas apart: 256 * pixel + new class of each edit, sorted.
using IdeaKey = std::vector<uint64_t>;
IdeaKey KeyOf(const MapEdits& edits, uint32_t width);

// Ideas that may lower the score, the most promising `most` that are not in `known`, best first:
//   a pixel at an edge takes the class beside it, or that of the map before or after;
//   a stretch of an edge moves by a pixel;
//   a small region takes the class around it, or that of the map before or after.
// `gradient` [classes][height][width] is the derivative of the expected number of wrong pixels by the map's class
// planes.
std::vector<EditIdea> ProposeEdits(const MapInTime& map, std::span<const float> gradient, const EditCosts& costs,
                                   const std::set<IdeaKey>& known, size_t most);

}  // namespace kitsink::strict
