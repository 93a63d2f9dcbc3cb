// Draws the pages' bars and charts as HTML and SVG.

#include "report/chart.h"

#include <algorithm>
#include <cmath>

#include "report/html.h"

namespace kitsink {
namespace {

constexpr double kHeight = 100;  // of a timeline, in SVG units
constexpr size_t kNumHues = 6;   // the style's classes c0 .. c5
constexpr size_t kMaxLargeDots = 150;

double Finite(float value) { return std::isfinite(value) ? double{value} : 0; }

// Means of `block` successive values; the last block may be shorter.
std::vector<double> Thin(std::span<const float> values, size_t block) {
  std::vector<double> means;
  for (size_t i = 0; i < values.size(); i += block) {
    const std::span<const float> some = values.subspan(i, std::min(block, values.size() - i));
    double sum = 0;
    for (const float value : some) sum += Finite(value);
    means.push_back(sum / static_cast<double>(some.size()));
  }
  return means;
}

// Bounds of a chart's axis; low < high always.
struct Range {
  double low = 0, high = 1;
  double Place(double value) const { return (value - low) / (high - low); }
};

// A column from 0 to a value.
std::string Column(size_t index, double value, const Range& range, const std::string& title, const char* hue) {
  const double top = kHeight * (1 - range.Place(std::max(value, 0.0)));
  const double bottom = kHeight * (1 - range.Place(std::min(value, 0.0)));
  return "<rect class=\"" + std::string(hue) + "\" x=\"" + std::to_string(index) + "\" y=\"" + FormatShort(top) +
         "\" width=\"1\" height=\"" + FormatShort(bottom - top) + "\"><title>" + title + "</title></rect>";
}

std::string Level(const char* hue, size_t width, double y) {
  const std::string at = FormatShort(y);
  return "<line class=\"" + std::string(hue) + "\" x1=\"0\" x2=\"" + std::to_string(width) + "\" y1=\"" + at +
         "\" y2=\"" + at + "\"></line>";
}

Range RangeOf(std::span<const ScatterPoint> points, double ScatterPoint::*axis) {
  Range range{points[0].*axis, points[0].*axis};
  for (const ScatterPoint& point : points) {
    range.low = std::min(range.low, point.*axis);
    range.high = std::max(range.high, point.*axis);
  }
  const double margin =
      range.high > range.low ? 0.08 * (range.high - range.low) : std::max(1e-9, 0.01 * std::abs(range.high));
  return {range.low - margin, range.high + margin};
}

std::string HueOf(std::span<const BarPart> parts, size_t index) {
  return parts[index].colour.empty() ? "c" + std::to_string(index % kNumHues) : "own";
}

std::string ColourOf(const BarPart& part) { return part.colour.empty() ? "" : "background:" + part.colour + ";"; }

// Up to six round values inside the range, `least_step` or more apart, with the digits that they need after the point.
struct Ticks {
  std::vector<double> values;
  int digits = 0;
};

Ticks TicksOf(const Range& range, double least_step) {
  const double rough = (range.high - range.low) / 4;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0}) {
    if (factor * power <= rough * 1.3) step = factor * power;
  }
  step = std::max(step, least_step);
  Ticks ticks;
  ticks.digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  for (double tick = std::ceil(range.low / step); tick * step <= range.high; ++tick) {
    ticks.values.push_back(tick * step + 0.0);  // no negative zero
  }
  return ticks;
}

}  // namespace

std::string KeyOfLast(std::span<const BarPart> parts) {
  return "<span class=\"key " + HueOf(parts, parts.size() - 1) + "\" style=\"" + ColourOf(parts.back()) + "\"></span>";
}

std::string DrawBar(std::span<const BarPart> parts) {
  double total = 0;
  for (const BarPart& part : parts) total += part.value;
  std::string html = "<div class=\"bar\">";
  for (size_t i = 0; i < parts.size(); ++i) {
    const double percent = total > 0 ? 100 * parts[i].value / total : 0;
    html += "<div class=\"" + HueOf(parts, i) + "\" style=\"" + ColourOf(parts[i]) +
            "width:" + FormatFixed(percent, 3) + "%\" title=\"" + EscapeHtml(parts[i].label) + ": " +
            FormatFixed(percent, 2) + " %\"></div>";
  }
  return html + "</div>";
}

std::string DrawTimeline(const Timeline& timeline) {
  const size_t block = std::max<size_t>(1, (timeline.values.size() + kMaxColumns - 1) / kMaxColumns);
  const std::vector<double> values = Thin(timeline.values, block);
  const std::vector<double> before = Thin(timeline.before, block);
  Range range{0, 0};
  double sum = 0;
  for (const float value : timeline.values) sum += Finite(value);
  for (const std::vector<double>* some : {&values, &before}) {
    for (const double value : *some) range = {std::min(range.low, value), std::max(range.high, value)};
  }
  const double mean = values.empty() ? 0 : sum / static_cast<double>(timeline.values.size());
  std::string html = "<figure><figcaption><b>" + EscapeHtml(timeline.name) + "</b> <span>" +
                     (range.low < 0 ? "least " + FormatShort(range.low) + ", " : "") + "top " +
                     FormatShort(range.high) + ", mean " + FormatShort(mean) +
                     (timeline.unit.empty() ? "" : " " + EscapeHtml(timeline.unit)) + "</span></figcaption>";
  if (!(range.high > range.low)) range.high = range.low + 1;
  // "pair 7", or "pair 6 to 11" where a column stands for several.
  const size_t width = block * timeline.units_a_value;
  const uint64_t all = timeline.num_units > 0 ? timeline.num_units : timeline.values.size() * timeline.units_a_value;
  const auto name = [&timeline, width, all](size_t column) {
    const uint64_t from = column * width;
    const uint64_t last = std::max(from, std::min<uint64_t>(from + width, all) - 1);
    return std::string(timeline.each) + " " + std::to_string(timeline.first + from) +
           (last > from ? " to " + std::to_string(timeline.first + last) : "");
  };
  const size_t count = std::max<size_t>(1, values.size());
  html += "<svg class=\"timeline\" role=\"img\" aria-label=\"" + EscapeHtml(timeline.name) + "\" viewBox=\"0 0 " +
          std::to_string(count) + " 100\" preserveAspectRatio=\"none\">";
  for (size_t i = 0; i < values.size(); ++i) {
    std::string title = name(i) + ": ";
    if (!before.empty()) title += FormatShort(before[i]) + " rendered, ";
    title += FormatShort(values[i]) + (before.empty() ? "" : " searched");
    if (!before.empty()) html += Column(i, before[i], range, title, "faint");
    html += Column(i, values[i], range, title, timeline.hue);
  }
  if (range.low < 0) html += Level("zero", count, kHeight * (1 - range.Place(0)));
  html += Level("mean", count, kHeight * (1 - range.Place(mean))) + "</svg>";
  return html + "<div class=\"axis\"><span>" + name(0) + "</span><span>" + name(count - 1) + "</span></div></figure>";
}

std::string DrawScatter(const Scatter& scatter) {
  if (scatter.points.empty()) return "";
  constexpr double kWidth = 640;
  constexpr double kTall = 320;
  const Range x_range = RangeOf(scatter.points, &ScatterPoint::x);
  const Range y_range = RangeOf(scatter.points, &ScatterPoint::y);
  const auto x = [&](double value) { return FormatShort(kWidth * x_range.Place(value)); };
  const auto y = [&](double value) { return FormatShort(kTall * (1 - y_range.Place(value))); };
  std::string drawing, labels;
  const Ticks rows = TicksOf(y_range, 0);
  for (const double tick : rows.values) {
    drawing += "<line class=\"grid\" x1=\"0\" x2=\"640\" y1=\"" + y(tick) + "\" y2=\"" + y(tick) + "\"></line>";
    labels += "<span class=\"tick\" style=\"top:" + FormatFixed(100 * (1 - y_range.Place(tick)), 2) + "%\">" +
              FormatFixed(tick, rows.digits) + "</span>";
  }
  const Ticks columns = TicksOf(x_range, 1);
  for (const double tick : columns.values) {
    drawing += "<line class=\"grid\" y1=\"0\" y2=\"320\" x1=\"" + x(tick) + "\" x2=\"" + x(tick) + "\"></line>";
    labels += "<span class=\"tick under\" style=\"left:" + FormatFixed(100 * x_range.Place(tick), 2) + "%\">" +
              FormatFixed(tick, columns.digits) + "</span>";
  }
  std::string line;
  for (const ScatterPoint& point : scatter.line) {
    line += line.empty() ? "M" + x(point.x) + " " + y(point.y) : "H" + x(point.x) + "V" + y(point.y);
  }
  if (!line.empty()) drawing += "<path class=\"front\" d=\"" + line + "\"></path>";
  const char* const radius = scatter.points.size() > kMaxLargeDots ? "3" : "6";
  std::string rejected, others;  // drawn behind the others, which must be seen among hundreds
  for (const ScatterPoint& point : scatter.points) {
    (point.filled || point.highlighted ? others : rejected) +=
        std::string("<circle class=\"dot") + (point.filled ? " promoted" : "") + (point.highlighted ? " now" : "") +
        "\" cx=\"" + x(point.x) + "\" cy=\"" + y(point.y) + "\" r=\"" + (point.highlighted ? "9" : radius) +
        "\"><title>" + EscapeHtml(point.label) + "</title></circle>";
  }
  drawing += rejected + others;
  const std::string name = EscapeHtml(scatter.y_name) + " against " + EscapeHtml(scatter.x_name);
  return "<figure class=\"scatter\"><figcaption><b>" + EscapeHtml(scatter.y_name) + "</b> <span>against " +
         EscapeHtml(scatter.x_name) + "</span></figcaption><div class=\"plot\"><svg class=\"scatter\" role=\"img\" " +
         "aria-label=\"" + name + "\" viewBox=\"0 0 640 320\">" + drawing + "</svg>" + labels + "</div></figure>";
}

}  // namespace kitsink
