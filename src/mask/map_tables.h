#pragma once
// One class map with margins, and for every pixel how far its class runs to the left, right, up and down.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace kitsink {

inline constexpr int kMarginColumns = 16;
inline constexpr int kMarginRows = 8;
inline constexpr int kFarRun = 255;      // runs are counted up to this; at a border they count as unending
inline constexpr uint8_t kMixed = 0xff;  // "not one class" in maps of uniform neighbourhoods

// A plane of bytes with margins, so that neighbours outside the map can be read.
class Plane {
 public:
  Plane(int width, int height)
      : stride_(width + 2 * kMarginColumns),
        bytes_(static_cast<size_t>(stride_) * static_cast<size_t>(height + 2 * kMarginRows)) {}
  uint8_t* Row(int y) { return bytes_.data() + Offset(y); }
  const uint8_t* Row(int y) const { return bytes_.data() + Offset(y); }
  int stride() const { return stride_; }

 private:
  size_t Offset(int y) const {
    return static_cast<size_t>(y + kMarginRows) * static_cast<size_t>(stride_) + kMarginColumns;
  }
  int stride_;
  std::vector<uint8_t> bytes_;
};

// Rows are filled in order; FinishRow() extends a row into the margins and makes its runs, FinishMap() the rest.
struct MapTables {
  MapTables(int width_in, int height_in);

  // Margins of row y, its left and right runs, its run upwards, and `flat`.
  void FinishRow(int y);
  // The margins below and the runs downwards. REQUIRES: every row finished.
  void FinishMap();
  // Copies the first row of `above` into the margin over row 0.
  void StartMap(const MapTables& above);

  int width, height;
  Plane ids;
  Plane left, right;  // distance to the next pixel of another class in this row, 1 .. kFarRun
  Plane up, down;     // the same in this column
  Plane flat;         // the class when `flat_radius` pixels to both sides share it, else kMixed
  int flat_radius = 4;
};

// Where the run of class `a` that reaches column x - 1 ends in a row, as a distance from x: 1 .. 255 to the right when
// (x) is of class a, 0 .. -254 when the run ended before x, kNoEdge when the class left of x's run is not a.
inline constexpr int kNoEdge = 256;
inline int EdgeDistance(const uint8_t* ids, const uint8_t* left, const uint8_t* right, int x, int a) {
  if (ids[x] == a) return right[x];
  const int run = left[x];
  return run < kFarRun && ids[x - run] == a ? 1 - run : kNoEdge;
}

}  // namespace kitsink
