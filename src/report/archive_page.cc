// Writes the page about an archive: where its bytes go, its class maps, and what it stores for each pair.

#include <algorithm>
#include <cmath>
#include <map>

#include "kitsink/contest.h"
#include "kitsink/page.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/palette.h"
#include "report/viewer.h"

namespace kitsink {
namespace {

constexpr int kDigits = 8;             // as in FormatScore
constexpr uint32_t kMaxMapSide = 512;  // pixels of a map on the page
constexpr size_t kMaxTimelines = 24;   // columns that are drawn; the table has all
constexpr size_t kMaxCodes = 16;       // different codes that a table lists

std::string Points(double bytes, const ArchivePage& page) {
  return FormatFixed(ScorePerByte(page.original_bytes) * bytes, kDigits);
}

std::string Header(const ArchivePage& page) {
  const auto bytes = static_cast<double>(page.archive_bytes);
  return "<h1>" + EscapeHtml(page.archive_name) + "</h1><div class=\"total\" id=\"bytes\">" +
         FormatBytes(page.archive_bytes) + " bytes</div><p class=\"soft\">codec " + EscapeHtml(page.codec) +
         ", format " + std::to_string(page.format_version) + ", " + FormatBytes(page.description.num_pairs) +
         " pairs of " + std::to_string(page.frame_size.width) + " &times; " + std::to_string(page.frame_size.height) +
         " frames, " + FormatFixed(bytes / static_cast<double>(page.description.num_pairs), 1) +
         " bytes a pair. The bytes cost <b>" + Points(bytes, page) + "</b> of score: 25 &times; bytes / " +
         FormatBytes(page.original_bytes) + " (" + EscapeHtml(page.original_from) + ").</p>";
}

std::string Sections(const ArchivePage& page) {
  const auto total = static_cast<double>(page.archive_bytes);
  std::vector<BarPart> bar;
  std::string rows;
  const auto add = [&](const std::string& name, uint64_t size, const std::string& what) {
    const auto bytes = static_cast<double>(size);
    bar.push_back({name + ", " + std::to_string(size) + " bytes", bytes});
    rows +=
        Row(KeyOfLast(bar) + EscapeHtml(name), {FormatBytes(size), FormatPercent(bytes, total), Points(bytes, page)});
    rows.insert(rows.size() - std::string_view("</tr>").size(), "<td class=\"text\">" + EscapeHtml(what) + "</td>");
  };
  for (const SectionUse& section : page.description.sections) {
    add(section.name == section.title ? section.name : section.name + ", " + section.title, section.size_bytes,
        section.what);
  }
  add("header", page.header_bytes, "");
  add("zip", page.container_bytes, "container");
  rows += Row("all", {FormatBytes(page.archive_bytes), "", Points(total, page)});
  rows.insert(rows.size() - std::string_view("</tr>").size(), "<td></td>");
  return "<h2>Sections</h2>" + DrawBar(bar) + Table({"", "bytes", "share", "of the score", ""}, rows);
}

// A part of a section; a class has its colour on the maps, and its word if the maps are the contest's.
BarPart PartOf(const StreamPart& part, size_t num_classes) {
  for (size_t id = 0; id < num_classes; ++id) {
    const std::string name = "class " + std::to_string(id);
    if (part.name != name) continue;
    const std::string word = ClassName(id, num_classes);
    return {word == name ? name : name + ", " + word, std::max(0.0, part.bits), CssOf(MapPalette()[id])};
  }
  return {part.name, std::max(0.0, part.bits)};
}

std::string Parts(const SectionUse& section, const ArchivePage& page) {
  if (section.parts.empty()) return "";
  const double total = 8 * static_cast<double>(section.size_bytes);
  std::vector<BarPart> bar;
  std::string rows;
  for (const StreamPart& part : section.parts) {
    bar.push_back(PartOf(part, page.description.maps.num_classes));
    const std::string name = bar.back().label;
    bar.back().label += ", " + FormatFixed(part.bits / 8, 1) + " bytes";
    rows += Row(KeyOfLast(bar) + EscapeHtml(name),
                {FormatFixed(part.bits / 8, 1), FormatPercent(part.bits, total), Points(part.bits / 8, page),
                 part.count == 0 ? "" : FormatBytes(part.count),
                 part.count == 0 ? "" : FormatFixed(part.bits / static_cast<double>(part.count), 4)});
  }
  return "<h3>" + EscapeHtml(section.title) + "</h3>" + DrawBar(bar) +
         Table({"", "bytes", "share", "of the score", "count", "bits each"}, rows);
}

// A map of at most kMaxMapSide pixels a side, by leaving out rows and columns.
std::string DrawMap(const MaskClip& maps, size_t index) {
  const uint32_t step = (std::max(maps.width, maps.height) + kMaxMapSide - 1) / kMaxMapSide;
  const FrameSize size{(maps.width + step - 1) / step, (maps.height + step - 1) / step};
  const std::span<const uint8_t> map = maps.map(index);
  std::vector<uint8_t> ids;
  ids.reserve(size_t{size.width} * size.height);
  for (uint32_t y = 0; y < maps.height; y += step) {
    for (uint32_t x = 0; x < maps.width; x += step) ids.push_back(map[size_t{y} * maps.width + x]);
  }
  return DataUri("image/png", EncodePalettePng(size, ids, MapPalette()));
}

std::string Maps(const ArchivePage& page) {
  const MaskClip& maps = page.description.maps;
  if (maps.count == 0) return "";
  const size_t shown = std::min<size_t>(kPageMaps, maps.count);
  std::string html = "<h2>Class maps</h2>" + DrawLegend(maps.num_classes, "");
  html += "<p class=\"soft\">" + std::to_string(shown) + " of " + std::to_string(maps.count) + " maps of " +
          std::to_string(maps.width) + " &times; " + std::to_string(maps.height) +
          "; click one, or reach it with the tab key, to enlarge it.</p><div class=\"maps\">";
  for (size_t i = 0; i < shown; ++i) {
    const size_t index = shown == 1 ? 0 : i * (maps.count - 1) / (shown - 1);
    const std::string pair = "pair " + std::to_string(index);
    const std::vector<double>& bits = page.description.pair_bits;
    html += "<figure tabindex=\"0\"><img alt=\"class map of " + pair + "\" src=\"" + DrawMap(maps, index) +
            "\"><figcaption>" + pair + (index < bits.size() ? ", " + FormatFixed(bits[index] / 8, 1) + " bytes" : "") +
            "</figcaption></figure>";
  }
  return html + "</div>";
}

std::string MapBytes(const ArchivePage& page) {
  std::vector<float> bytes;
  for (const double bits : page.description.pair_bits) bytes.push_back(static_cast<float>(bits / 8));
  if (bytes.empty()) return "";
  return DrawTimeline({"class map", "bytes", bytes, {}, 0, "c0"});
}

// The different values with their numbers, the most frequent first.
std::string Codes(const PairColumn& column) {
  std::map<float, uint64_t> counts;
  for (const float value : column.values) ++counts[value];
  std::vector<std::pair<float, uint64_t>> codes(counts.begin(), counts.end());
  std::stable_sort(codes.begin(), codes.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string html = "<p class=\"soft\">";
  for (size_t i = 0; i < std::min(codes.size(), kMaxCodes); ++i) {
    const auto& [value, count] = codes[i];
    html += (i == 0 ? "code " : "; code ") + FormatShort(double{value}) + ": " + FormatBytes(count) + " (" +
            FormatPercent(static_cast<double>(count), static_cast<double>(column.values.size())) + ")";
  }
  if (codes.size() > kMaxCodes) html += "; and " + std::to_string(codes.size() - kMaxCodes) + " more";
  return html + "</p>";
}

std::string Columns(const ArchivePage& page) {
  const std::vector<PairColumn>& columns = page.description.columns;
  std::string rows, codes, drawn;
  size_t left = kMaxTimelines;
  size_t num_constant = 0;
  for (const PairColumn& column : columns) {
    if (column.values.empty()) continue;
    const auto [least, most] = std::minmax_element(column.values.begin(), column.values.end());
    if (!column.is_code) {
      double sum = 0;
      for (const float value : column.values) sum += double{value};
      rows += Row(EscapeHtml(column.name),
                  {FormatShort(double{*least}), FormatShort(double{*most}),
                   FormatShort(sum / static_cast<double>(column.values.size())), EscapeHtml(column.unit)});
    }
    const bool is_constant = *least == *most;
    num_constant += is_constant && !column.is_code ? 1 : 0;
    const bool draw = !is_constant && left > 0;
    if (draw) --left;
    Timeline timeline{column.name, column.unit, column.values, {}, 0, column.is_code ? "c1" : "c0"};
    timeline.units_a_value = column.pairs_each;
    timeline.num_units = page.description.num_pairs;
    const std::string chart = draw ? DrawTimeline(timeline) : "";
    if (column.is_code) {
      codes += (draw ? chart : "<p><b>" + EscapeHtml(column.name) + "</b></p>") + Codes(column);
    } else {
      drawn += chart;
    }
  }
  std::string html;
  if (!codes.empty()) html += "<h2>Selectors</h2>" + codes;
  if (!rows.empty()) {
    html += "<h2>Stored for each pair</h2>" + Table({"", "least", "most", "mean", "unit"}, rows);
    if (num_constant > 0) html += "<p class=\"soft\">Columns of one value are not drawn.</p>";
    html += "<div class=\"charts\">" + drawn + "</div>";
  }
  return html;
}

}  // namespace

std::string FormatArchivePage(const ArchivePage& page) {
  std::string html = Header(page) + "\n" + Sections(page) + "\n" + Maps(page) + "\n<h2>Bits</h2>" + MapBytes(page);
  for (const SectionUse& section : page.description.sections) html += Parts(section, page) + "\n";
  html += Columns(page) + "\n<h2>What this is</h2>" +
          Definitions({{"archive", page.archive_name},
                       {"sha256", page.sha256},
                       {"codec", page.codec},
                       {"original", std::to_string(page.original_bytes) + " bytes, " + page.original_from}});
  return WrapPage(page.archive_name, html, "");
}

}  // namespace kitsink
