#pragma once
// Parts of the page: escaped text, figures, bars and charts as HTML and SVG. Labels are HTML beside the drawings, not
// SVG text, because drawings shrink with the window and text must not.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kitsink {

// Escapes text and quoted attributes. Control characters become spaces.
std::string EscapeHtml(std::string_view text);
// "0.00123400", with `digits` digits after the point.
std::string FormatFixed(double value, int digits);
// "1 234 567", with thin spaces.
std::string FormatBytes(uint64_t bytes);

// Parts of a whole, as one bar of coloured pieces. The colours are the style's classes c0, c1, ...
struct BarPart {
  std::string label;
  double value = 0;
};
std::string DrawBar(std::span<const BarPart> parts);

// Values as columns, one for each pair or other unit `each`, numbered from `first`. `before` adds paler columns behind
// them.
struct Timeline {
  std::string name, unit;
  std::span<const float> values, before;
  uint64_t first = 0;
  const char* hue = "c0";
  const char* each = "pair";
};
std::string DrawTimeline(const Timeline& timeline);

// Points, with a line through those `on_line`. The last `highlighted` point is ringed.
struct ScatterPoint {
  double x = 0, y = 0;
  std::string label;
  bool on_line = false, highlighted = false;
};
std::string DrawScatter(std::span<const ScatterPoint> points, std::string_view x_name, std::string_view y_name);

}  // namespace kitsink
