// Changes pixels of the previous map, and of its tables only the rows that see them.

#include "mask/edited_previous.h"

#include <algorithm>
#include <cstring>

namespace kitsink {
namespace {

void CopyRows(const Plane& from, Rows rows, Plane& to) {
  if (rows.first >= rows.end) return;
  const size_t bytes = static_cast<size_t>(rows.end - rows.first) * from.stride();
  std::memcpy(to.Row(rows.first) - kMarginColumns, from.Row(rows.first) - kMarginColumns, bytes);
}
void CopyRows(const MapTables& from, Rows rows, MapTables& to) {
  for (Plane MapTables::*plane :
       {&MapTables::ids, &MapTables::left, &MapTables::right, &MapTables::up, &MapTables::down, &MapTables::flat}) {
    CopyRows(from.*plane, rows, to.*plane);
  }
}

bool SameRow(const Plane& a, const Plane& b, int y) {
  return std::memcmp(a.Row(y) - kMarginColumns, b.Row(y) - kMarginColumns, a.stride()) == 0;
}

// Makes the tables of `map` whole after ids of these rows (ascending) have changed. `plain` is the map before. Returns
// the rows in which the two may differ.
Rows FinishRows(std::span<const int> changed, const MapTables& plain, MapTables& map) {
  if (changed.empty()) return {0, 0};
  Rows touched{changed.front(), changed.back() + 1};
  for (size_t i = 0; i < changed.size(); ++i) {
    map.FinishRow(changed[i]);
    const int end = i + 1 < changed.size() ? changed[i + 1] : map.height;
    for (int y = changed[i] + 1; y < end; ++y) {
      map.CountUp(y);
      if (SameRow(map.up, plain.up, y)) break;
      touched.end = std::max(touched.end, y + 1);
    }
  }
  if (changed.back() == map.height - 1) {
    map.FillMarginBelow();
    touched.end = map.height + kMarginRows;
  }
  for (size_t i = changed.size(); i-- > 0;) {
    map.CountDown(changed[i]);
    const int above = i > 0 ? changed[i - 1] : -1;
    for (int y = changed[i] - 1; y > above; --y) {
      map.CountDown(y);
      if (SameRow(map.down, plain.down, y)) break;
      touched.first = std::min(touched.first, y);
    }
  }
  return touched;
}

}  // namespace

EditedPrevious::EditedPrevious(const MapTables& tables, const MapTables& warped, const Motion& motion)
    : plain_(tables.width, tables.height), edited_(tables.width, tables.height), motion_(motion) {
  plain_.tables = tables;
  plain_.warped = warped;
  for (int y = 0; y < tables.height; ++y) {
    SureRuns::FindSureBefore(tables, warped, y, plain_.sure);
    sources_.push_back(WarpRow(motion, y, tables.height).y);
  }
  edited_ = plain_;
}

std::vector<int> EditedPrevious::EditedRows(std::span<const MapEdit> edits) {
  std::vector<int> rows;
  for (const MapEdit& edit : edits) rows.push_back(static_cast<int>(edit.y));
  std::ranges::sort(rows);
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());  // clang 14 cannot compile std::ranges::unique
  return rows;
}

std::vector<int> EditedPrevious::WarpedRows(std::span<const int> edited_rows) const {
  std::vector<int> rows;
  for (int y = 0; y < plain_.tables.height; ++y) {
    if (std::ranges::binary_search(edited_rows, y) ||
        std::ranges::binary_search(edited_rows, sources_[static_cast<size_t>(y)])) {
      rows.push_back(y);
    }
  }
  return rows;
}

Rows EditedPrevious::Changed(std::span<const MapEdit> edits) const {
  const std::vector<int> rows = WarpedRows(EditedRows(edits));
  return {rows.front(), rows.back() + 1};
}

void EditedPrevious::TakeBack() {
  CopyRows(plain_.tables, table_rows_, edited_.tables);
  CopyRows(plain_.warped, warped_rows_, edited_.warped);
  CopyRows(plain_.sure, sure_rows_, edited_.sure);
}

PreviousMap& EditedPrevious::Make(std::span<const MapEdit> edits) {
  TakeBack();
  for (const MapEdit& edit : edits) edited_.tables.ids.Row(static_cast<int>(edit.y))[edit.x] = edit.id;
  const std::vector<int> edited_rows = EditedRows(edits);
  table_rows_ = FinishRows(edited_rows, plain_.tables, edited_.tables);

  const std::vector<int> warped_rows = WarpedRows(edited_rows);
  for (const int y : warped_rows) WarpIds(edited_.tables, motion_, y, edited_.warped);
  // The margin above the warped map repeats the first row of the previous map.
  if (edited_rows.front() == 0) edited_.warped.StartMap(edited_.tables);
  warped_rows_ = FinishRows(warped_rows, plain_.warped, edited_.warped);
  if (edited_rows.front() == 0) warped_rows_.first = -kMarginRows;

  // Sure pixels depend on 4 rows above and below in the previous map, and on 2 in the warped one.
  sure_rows_ = {std::max(warped_rows.front() - 4, 0), std::min(warped_rows.back() + 5, plain_.tables.height)};
  for (int y = sure_rows_.first; y < sure_rows_.end; ++y) {
    SureRuns::FindSureBefore(edited_.tables, edited_.warped, y, edited_.sure);
  }
  return edited_;
}

}  // namespace kitsink
