#pragma once
// Bars and charts as HTML and SVG. Labels are HTML beside the drawings, not SVG text, because drawings shrink with the
// window and text must not.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kitsink {

// Parts of a whole, as one bar of coloured pieces, each with its figures on hover.
struct BarPart {
  std::string label;
  double value = 0;
  std::string colour = "";  // CSS; empty: one of the style's
};
std::string DrawBar(std::span<const BarPart> parts);
// A square in the colour of the last part.
std::string KeyOfLast(std::span<const BarPart> parts);

// At most so many columns are drawn; more values are drawn as means of successive ones.
inline constexpr size_t kMaxColumns = 1200;

// Values as columns, upward and downward from 0, one for each pair or other unit `each`, numbered from `first`.
// `before` adds paler columns behind them. Values that are not finite are drawn as 0.
struct Timeline {
  std::string name, unit;
  std::span<const float> values, before;
  uint64_t first = 0;
  const char* hue = "c0";
  const char* each = "pair";
  uint32_t units_a_value = 1;  // for values that stand for several units
  uint64_t num_units = 0;      // for a last value that stands for fewer; 0: it does not
};
std::string DrawTimeline(const Timeline& timeline);

struct ScatterPoint {
  double x = 0, y = 0;
  std::string label;
  bool filled = false, highlighted = false;
};
// Points with whole numbers as x, and a stepped line: horizontal from each of its points to the next one's x.
struct Scatter {
  std::string x_name, y_name;
  std::vector<ScatterPoint> points;
  std::vector<ScatterPoint> line;
};
std::string DrawScatter(const Scatter& scatter);

}  // namespace kitsink
