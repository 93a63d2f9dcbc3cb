#pragma once
// The previous map as a coder reads it, with some pixels changed and all tables what follows from that.

#include <span>
#include <vector>

#include "kitsink/mask_prices.h"
#include "mask/map_coder.h"
#include "mask/map_tables.h"
#include "mask/motion.h"

namespace kitsink {

// Rows [first, end) of a map; in tables, rows of the margins too.
struct Rows {
  int first, end;
};

class EditedPrevious {
 public:
  // The previous map, and the motion by which the coder has warped it.
  EditedPrevious(const MapTables& tables, const MapTables& warped, const Motion& motion);

  // Rows of the previous and the warped map that these edits may change.
  Rows Changed(std::span<const MapEdit> edits) const;
  // The previous map with these edits, until the next call.
  PreviousMap& Make(std::span<const MapEdit> edits);

 private:
  // Rows that edits change in the previous map, and those that may change in the warped one; ascending.
  static std::vector<int> EditedRows(std::span<const MapEdit> edits);
  std::vector<int> WarpedRows(std::span<const int> edited_rows) const;
  void TakeBack();

  PreviousMap plain_, edited_;  // equal to plain_ apart from the rows below
  Rows table_rows_{0, 0}, warped_rows_{0, 0}, sure_rows_{0, 0};
  Motion motion_;
  std::vector<int> sources_;  // the row of the previous map that a row of the warped map reads
};

}  // namespace kitsink
