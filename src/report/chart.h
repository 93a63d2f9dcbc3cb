#pragma once
// Pieces of the page: escaped text, figures, bars and charts as HTML and SVG.
// Labels are HTML beside the drawings, never text inside them: drawings shrink with the window, text must not.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kitsink {

// For text and for quoted attributes; control characters become spaces.
std::string EscapeHtml(std::string_view text);
// "0.00123400", `digits` behind the point.
std::string FormatFixed(double value, int digits);
// "1 234 567", thin spaces between.
std::string FormatBytes(uint64_t bytes);

// Parts of a whole as one bar of coloured pieces; hues are the classes c0, c1, ... of the style.
struct BarPart {
  std::string label;
  double value = 0;
};
std::string DrawBar(std::span<const BarPart> parts);

// Values per pair, or whatever `each` is, as columns, the first number `first`; with `before`, lighter columns behind
// them.
struct Timeline {
  std::string name, unit;
  std::span<const float> values, before;
  uint64_t first = 0;
  const char* hue = "c0";
  const char* each = "pair";
};
std::string DrawTimeline(const Timeline& timeline);

// Points with a line through the promoted ones; the last of `highlighted` is ringed.
struct ScatterPoint {
  double x = 0, y = 0;
  std::string label;
  bool on_line = false, highlighted = false;
};
std::string DrawScatter(std::span<const ScatterPoint> points, std::string_view x_name, std::string_view y_name);

}  // namespace kitsink
