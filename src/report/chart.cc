// Draws the page's bars and charts as HTML and SVG.

#include "report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace kitsink {
namespace {

constexpr int kHeight = 100;  // of a timeline, in SVG units

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

// A column that starts at the baseline.
std::string Column(size_t index, double share, const std::string& title, const char* hue) {
  const double height = kHeight * std::clamp(share, 0.0, 1.0);
  return "<rect class=\"" + std::string(hue) + "\" x=\"" + std::to_string(index) + "\" y=\"" +
         Number(kHeight - height) + "\" width=\"1\" height=\"" + Number(height) + "\"><title>" + title +
         "</title></rect>";
}

// Bounds of values with a margin; low < high always.
struct Range {
  double low = 0, high = 1;
  double Place(double value) const { return (value - low) / (high - low); }
};

Range RangeOf(std::span<const ScatterPoint> points, double ScatterPoint::*axis) {
  Range range{points[0].*axis, points[0].*axis};
  for (const ScatterPoint& point : points) {
    range.low = std::min(range.low, point.*axis);
    range.high = std::max(range.high, point.*axis);
  }
  const double margin = range.high > range.low ? 0.06 * (range.high - range.low) : std::max(1e-9, 0.01 * range.high);
  return {range.low - margin, range.high + margin};
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
    }
  }
  return escaped;
}

std::string FormatFixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string FormatBytes(uint64_t bytes) {
  const std::string digits = std::to_string(bytes);
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped += "&#8239;";
    grouped += digits[i];
  }
  return grouped;
}

std::string DrawBar(std::span<const BarPart> parts) {
  double total = 0;
  for (const BarPart& part : parts) total += part.value;
  std::string html = "<div class=\"bar\">";
  for (size_t i = 0; i < parts.size(); ++i) {
    const double percent = total > 0 ? 100 * parts[i].value / total : 0;
    html += "<div class=\"c" + std::to_string(i) + "\" style=\"width:" + FormatFixed(percent, 3) + "%\" title=\"" +
            EscapeHtml(parts[i].label) + ": " + FormatFixed(percent, 2) + " %\"></div>";
  }
  return html + "</div>";
}

std::string DrawTimeline(const Timeline& timeline) {
  const std::span<const float> values = timeline.values;
  const bool both = !timeline.before.empty();
  const std::string each = std::string(timeline.each) + " ";
  double top = 0;
  double sum = 0;
  for (const float value : values) {
    top = std::max(top, double{value});
    sum += double{value};
  }
  for (const float value : timeline.before) top = std::max(top, double{value});
  const double mean = values.empty() ? 0 : sum / static_cast<double>(values.size());
  const double scale = top > 0 ? top : 1;
  std::string html = "<figure><figcaption><b>" + EscapeHtml(timeline.name) + "</b> <span>top " + Number(top) +
                     ", mean " + Number(mean) + (timeline.unit.empty() ? "" : " " + EscapeHtml(timeline.unit)) +
                     "</span></figcaption>";
  html += "<svg class=\"timeline\" role=\"img\" aria-label=\"" + EscapeHtml(timeline.name) + "\" viewBox=\"0 0 " +
          std::to_string(std::max<size_t>(1, values.size())) + " " + std::to_string(kHeight) +
          "\" preserveAspectRatio=\"none\">";
  for (size_t i = 0; i < values.size(); ++i) {
    std::string title = each + std::to_string(timeline.first + i) + ": ";
    if (both) title += Number(double{timeline.before[i]}) + " rendered, ";
    title += Number(double{values[i]}) + (both ? " searched" : "");
    if (both) html += Column(i, double{timeline.before[i]} / scale, title, "faint");
    html += Column(i, double{values[i]} / scale, title, timeline.hue);
  }
  const std::string level = Number(kHeight * (1 - mean / scale));
  html += "<line class=\"mean\" x1=\"0\" x2=\"" + std::to_string(values.size()) + "\" y1=\"" + level + "\" y2=\"" +
          level + "\"></line></svg>";
  html += "<div class=\"axis\"><span>" + each + std::to_string(timeline.first) + "</span><span>" + each +
          std::to_string(timeline.first + (values.empty() ? 0 : values.size() - 1)) + "</span></div></figure>";
  return html;
}

std::string DrawScatter(std::span<const ScatterPoint> points, std::string_view x_name, std::string_view y_name) {
  if (points.empty()) return "";
  constexpr double kWidth = 640;
  constexpr double kTall = 320;
  const Range x_range = RangeOf(points, &ScatterPoint::x);
  const Range y_range = RangeOf(points, &ScatterPoint::y);
  const auto x = [&](const ScatterPoint& point) { return Number(kWidth * x_range.Place(point.x)); };
  const auto y = [&](const ScatterPoint& point) { return Number(kTall * (1 - y_range.Place(point.y))); };
  std::string line;
  std::string dots;
  for (const ScatterPoint& point : points) {
    if (point.on_line) line += (line.empty() ? "M" : "L") + x(point) + " " + y(point);
    const std::string hue = point.highlighted ? "dot now" : point.on_line ? "dot promoted" : "dot";
    dots += "<circle class=\"" + hue + "\" cx=\"" + x(point) + "\" cy=\"" + y(point) + "\" r=\"" +
            (point.highlighted ? "9" : "6") + "\"><title>" + EscapeHtml(point.label) + "</title></circle>";
  }
  const auto [low, high] =
      std::minmax_element(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.y < b.y; });
  const auto [left, right] =
      std::minmax_element(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
  return "<figure class=\"scatter\"><figcaption><b>" + EscapeHtml(y_name) + "</b> <span>from " +
         FormatFixed(low->y, 6) + " (bottom) to " + FormatFixed(high->y, 6) +
         "</span></figcaption><svg class=\"scatter\" role=\"img\" " + "aria-label=\"" + EscapeHtml(y_name) +
         " against " + EscapeHtml(x_name) + "\" viewBox=\"0 0 640 320\">" + "<path class=\"front\" d=\"" + line +
         "\"></path>" + dots + "</svg><div class=\"axis\"><span>" + FormatFixed(left->x, 0) + " " + EscapeHtml(x_name) +
         "</span><span>" + FormatFixed(right->x, 0) + " " + EscapeHtml(x_name) + "</span></div></figure>";
}

}  // namespace kitsink
