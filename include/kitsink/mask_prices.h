#pragma once
// Prices of edits: by how much the code length of class maps changes when some of their pixels take other classes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kitsink/limits.h"
#include "kitsink/mask.h"
#include "kitsink/result.h"

namespace kitsink {

struct MapEdit {
  uint32_t x = 0, y = 0;  // the pixel
  uint8_t id = 0;         // its new class, below MaskClip::num_classes
};
// Edits of one map that are made together. Where two edit the same pixel, the later one counts.
using MapEdits = std::vector<MapEdit>;

// Bits by which the map and the map after it become longer; negative: shorter. They are ideal code lengths, so a stream
// of whole bytes differs by less than a byte.
struct EditPrice {
  double map_bits = 0;
  double next_bits = 0;  // 0 when the map is the last one
  double bits() const { return map_bits + next_bits; }
};

// Codes both maps whole, with the edits and without, as EncodeMask() does: it searches their motions anew, and the
// second map is coded by what the model learned from the edited one. The maps after them are not counted. The camera
// stays that of the clip as it was at Create(); EncodeMask() finds another one when edits move it, mostly in short
// clips.
inline constexpr int kAllRows = -1;

struct PriceOptions {
  int level = 1;    // 1 to 3, as MaskOptions::level
  int threads = 1;  // 1 or more; does not change the prices. Each takes about 40, 70 or 160 MB at level 1, 2 or 3.
  // An edit is priced in its own row and in this many rows below it (and in the map after it, in 5 rows above, too).
  // Both maps keep the motion that was found without the edits. What an edit changes further down is not counted, nor
  // what the model learns from it for the next map. kAllRows counts all of it. With 16 rows a price is off by 0.7 bits
  // on average, and that of 200 edits at once is 3 to 5 % too low: price a whole set with all rows.
  int rows = 16;
};

// Prices edits of one map after another, by a model that has coded the maps before it.
class EditPricer {
 public:
  // kInvalidArgument and kLimit as for EncodeMask(), and kInvalidArgument when an option is out of range. `clip` must
  // outlive the pricer. The caller may change ids of maps that are not coded yet: those from position() on. Its other
  // members stay as they are.
  static Result<EditPricer> Create(const MaskClip& clip, const PriceOptions& options, const Limits& limits);
  EditPricer(EditPricer&&) noexcept;
  EditPricer& operator=(EditPricer&&) noexcept;
  ~EditPricer();

  // The number of maps that are coded.
  size_t position() const;
  // Codes the maps before map `map`, as they are now. kInvalidArgument when it lies before position() or after the last
  // map, or when an id of these maps is out of range.
  Status AdvanceTo(size_t map);
  // The price of each candidate when map `map` takes its edits and nothing else changes. Calls AdvanceTo(map) first,
  // and codes neither this map nor the next for good. kInvalidArgument when a candidate has no edits, an edit lies
  // outside the map, or a class id is out of range.
  Result<std::vector<EditPrice>> Price(size_t map, std::span<const MapEdits> candidates);

 private:
  struct State;
  explicit EditPricer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kitsink
