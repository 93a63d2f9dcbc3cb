#pragma once
// One class map with margins, and for every pixel how far its class runs to the left, right, up and down.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kitsink {

inline constexpr int kMarginColumns = 16;
inline constexpr int kMarginRows = 8;
inline constexpr int kFarRun = 255;      // runs are counted up to this; at a border they count as unending
inline constexpr uint8_t kMixed = 0xff;  // "not one class" in planes of uniform neighbourhoods

// A plane of bytes with margins, so that neighbours outside the map can be read.
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

// Rows of ids are filled from the top; FinishRow() makes the margins and runs of one, FinishMap() those that look down.
struct MapTables {
  // `flat_radius_in`: see `flat`.
  MapTables(int width_in, int height_in, int flat_radius_in);

  // Copies row 0 of `above` into the margin over row 0.
  void StartMap(const MapTables& above);
  // The margins of row y, its runs to the left, right and up, and `flat`.
  void FinishRow(int y);
  // The margin below and the runs downwards. REQUIRES: every row finished.
  void FinishMap();

  int width, height;
  int flat_radius;
  Plane ids;
  Plane left, right;  // distance to the next pixel of another class in this row, 1 .. kFarRun
  Plane up, down;     // the same in this column
  Plane flat;         // the class when flat_radius pixels to both sides share it, else kMixed
};

// Where the run of class `a` that reaches column x - 1 ends in a row, as a distance from x: 1 .. 255 to the right when
// pixel x is of class a; 0 .. -253 when the run ended before x; kNoEdge when what lies left of x's run is not of class
// a.
inline constexpr int kNoEdge = 256;
inline int EdgeDistance(const MapTables& map, int y, int x, int a) {
  const uint8_t* ids = map.ids.Row(y);
  if (ids[x] == a) return map.right.Row(y)[x];
  const int run = map.left.Row(y)[x];
  return run < kFarRun && ids[x - run] == a ? 1 - run : kNoEdge;
}

// The same downwards: where the run of class `n` that reaches row y - 1 ends in column x.
inline int EdgeDepth(const MapTables& map, int y, int x, int n) {
  if (map.ids.Row(y)[x] == n) return map.down.Row(y)[x];
  const int run = map.up.Row(y)[x];
  return run < kFarRun && map.ids.Row(y - run)[x] == n ? 1 - run : kNoEdge;
}

}  // namespace kitsink
