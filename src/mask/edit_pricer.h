#pragma once
// Codes two consecutive maps, and on the way the rows that edits of the first one change.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/mask_prices.h"
#include "mask/journal.h"
#include "mask/map_coder.h"

namespace kitsink {

// Adds up ideal code lengths instead of coding, in units of 2^-32 bits: whole numbers, so that sums do not depend on
// their order. They depend on the machine's logarithm, which is safe, because no coded decision depends on them.
class CodeLength {
 public:
  int Code(int bit, uint32_t p_one) {
    // Half a unit keeps the logarithm finite when the probability is 0; a coder can code that decision, too.
    const double p = (bit != 0 ? static_cast<double>(p_one) : 0x1p32 - static_cast<double>(p_one)) + 0.5;
    total_ += static_cast<int64_t>((32 - std::log2(p)) * 0x1p32 + 0.5);
    return bit;
  }
  bool failed() const { return false; }
  int64_t total() const { return total_; }

 private:
  int64_t total_ = 0;
};
using MapModel = MapCoder<CodeLength>;
inline double BitsOf(int64_t length) { return static_cast<double>(length) * 0x1p-32; }

// What the candidates of one map have in common.
struct PricedMap {
  const uint8_t* ids;
  const uint8_t* next_ids;  // null: this is the last map
  Motion motion, next_motion;
  int rows;  // PriceOptions::rows, not kAllRows
};

struct Candidate {
  std::span<const MapEdit> edits;  // at least one; all lie inside the map
  EditPrice* price;
};

// Prices all candidates. `model` has coded the maps before, and is used up.
void PriceCandidates(MapModel& model, const PricedMap& map, std::span<const Candidate> candidates);

}  // namespace kitsink
