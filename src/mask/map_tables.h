#pragma once
// One class map with margins, and for every pixel the lengths of its runs to the left, right, up and down.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kitsink {

inline constexpr int kMarginColumns = 16;
inline constexpr int kMarginRows = 8;
inline constexpr int kFarRun = 255;      // the longest run counted; a run that reaches the border has this length
inline constexpr uint8_t kMixed = 0xff;  // marks a neighbourhood of several classes

// A plane of bytes with margins, so that neighbours outside the map are readable.
class Plane {
 public:
  Plane(int width, int height)
      : stride_(static_cast<size_t>(width + 2 * kMarginColumns)),
        bytes_(stride_ * static_cast<size_t>(height + 2 * kMarginRows)) {}
  // Column 0 of row y, -kMarginRows <= y < height + kMarginRows; the margin columns lie around it.
  uint8_t* Row(int y) { return bytes_.data() + Offset(y); }
  const uint8_t* Row(int y) const { return bytes_.data() + Offset(y); }
  size_t stride() const { return stride_; }

 private:
  size_t Offset(int y) const { return static_cast<size_t>(y + kMarginRows) * stride_ + kMarginColumns; }
  size_t stride_;
  std::vector<uint8_t> bytes_;
};

// The caller fills `ids` row by row from the top. FinishRow() completes the tables of a row, FinishMap() those that
// depend on the rows below.
struct MapTables {
  MapTables(int width_in, int height_in, int flat_radius_in);

  // Copies row 0 of `above` into the margin above row 0.
  void StartMap(const MapTables& above);
  // Fills the margin left of row y while the row is unknown. Then Put() sets its pixels from left to right, and their
  // runs to the left.
  void StartRow(int y);
  void Put(int x, int y, uint8_t id) {
    uint8_t* row = ids.Row(y);
    uint8_t* runs = left.Row(y);
    row[x] = id;
    runs[x] = id == row[x - 1] ? static_cast<uint8_t>(runs[x - 1] + (runs[x - 1] < kFarRun ? 1 : 0)) : uint8_t{1};
  }
  // Fills the margins of row y, its runs to the left, right and up, and `flat`.
  void FinishRow(int y);
  // Fills the margin below and the runs downwards. REQUIRES: FinishRow() was called for every row.
  void FinishMap();
  // Parts of both: the runs upwards and downwards of row y, and the margin below.
  void CountUp(int y);
  void CountDown(int y);
  void FillMarginBelow();

  int width, height;
  int flat_radius;
  Plane ids;
  Plane left, right;  // distance to the next pixel of another class in this row, 1 .. kFarRun
  Plane up, down;     // the same in this column
  Plane flat;         // the class if flat_radius pixels on both sides have it too, otherwise kMixed
};

// Fills `map` with the classes `ids`, and all its tables. `above` as for StartMap().
void FillMap(const uint8_t* ids, const MapTables& above, MapTables& map);

// A map of zeros with all its tables.
MapTables EmptyMap(int width, int height, int flat_radius);

// Where the run of class `a` around column x - 1 ends in a row, as a distance from x: 1 .. 255 when pixel x is of class
// a; 0 .. -253 when the run ended before x; kNoEdge when pixel x and the run to the left of x's own are of other
// classes.
inline constexpr int kNoEdge = 256;
inline int EdgeDistance(const MapTables& map, int y, int x, int a) {
  const uint8_t* ids = map.ids.Row(y);
  if (ids[x] == a) return map.right.Row(y)[x];
  const int run = map.left.Row(y)[x];
  return run < kFarRun && ids[x - run] == a ? 1 - run : kNoEdge;
}

// The same in a column: where the run of class `n` around row y - 1 ends in column x.
inline int EdgeDepth(const MapTables& map, int y, int x, int n) {
  if (map.ids.Row(y)[x] == n) return map.down.Row(y)[x];
  const int run = map.up.Row(y)[x];
  return run < kFarRun && map.ids.Row(y - run)[x] == n ? 1 - run : kNoEdge;
}

}  // namespace kitsink
