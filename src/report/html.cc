// Writes the parts that all pages share.

#include "report/html.h"

#include <cstdio>

#include "kitsink/hash.h"
#include "kitsink/page.h"
#include "kitsink/version.h"
#include "report/page_style.h"

namespace kitsink {
namespace {

std::string Base64(std::span<const uint8_t> bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < count ? bytes[i + j] : 0U);
    for (size_t j = 0; j < 4; ++j) text += j <= count ? kAlphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

// The source of a Content-Security-Policy that allows exactly this script.
std::string PolicyOf(std::string_view script) {
  const std::string hex = Sha256Hex(std::span(reinterpret_cast<const uint8_t*>(script.data()), script.size()));
  Bytes hash;
  for (size_t i = 0; i < hex.size(); i += 2) {
    hash.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return "'sha256-" + Base64(hash) + "'";
}

std::string DrawTable(const char* tag, const std::vector<std::string>& heads, const std::string& rows) {
  std::string html = "<div class=\"scroll\">" + std::string(tag) + "<thead><tr>";
  for (const std::string& head : heads) html += "<th>" + head + "</th>";
  return html + "</tr></thead><tbody>" + rows + "</tbody></table></div>";
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

std::string FormatShort(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

std::string FormatBytes(uint64_t bytes) { return GroupDigits(bytes, "&#8239;"); }

std::string FormatPercent(double part, double whole) {
  return whole > 0 ? FormatFixed(100 * part / whole, 2) + "&#8239;%" : "";
}

std::string Row(const std::string& head, const std::vector<std::string>& cells) {
  std::string html = "<tr><td>" + head + "</td>";
  for (const std::string& cell : cells) html += "<td>" + cell + "</td>";
  return html + "</tr>";
}

std::string Table(const std::vector<std::string>& heads, const std::string& rows) {
  return DrawTable("<table>", heads, rows);
}

std::string SortableTable(const std::vector<std::string>& heads, const std::string& rows) {
  return DrawTable("<table class=\"sortable\">", heads, rows);
}

std::string_view SortScript() {
  // Numbers come before texts and empty cells. Rows that compare equal keep their order.
  return R"js(
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const keyOf = (row) => {
      const text = row.cells[column].textContent.replaceAll("\u202f", "");
      return text === "" || isNaN(text) ? text : Number(text);
    };
    const compare = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
    const button = document.createElement("button");
    button.textContent = head.textContent;
    button.onclick = () => {
      const falls = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row), row]);
      rows.sort(([a], [b]) => falls ? compare(b, a) : compare(a, b));
      table.tBodies[0].append(...rows.map(([, row]) => row));
    };
    head.replaceChildren(button);
  });
}
)js";
}

std::string Definitions(const std::vector<std::pair<const char*, std::string>>& items) {
  std::string html = "<dl>";
  for (const auto& [name, value] : items) {
    html += std::string("<dt>") + name + "</dt><dd>" + EscapeHtml(value) + "</dd>";
  }
  return html + "</dl>";
}

std::string Warning(std::string_view text) { return "<p class=\"warn\">" + EscapeHtml(text) + "</p>"; }

std::string DataUri(std::string_view type, std::span<const uint8_t> bytes) {
  return "data:" + std::string(type) + ";base64," + Base64(bytes);
}

std::string WrapPage(std::string_view title, const std::string& body, std::string_view script) {
  const std::string policy = script.empty() ? "" : "; script-src " + PolicyOf(script);
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'" +
      policy + "\"><title>" + EscapeHtml(title) + "</title><style>" + kPageStyle + "</style></head>\n<body>\n" + body +
      "<p class=\"soft\">kitsink " + EscapeHtml(Version()) + "</p>\n";
  if (!script.empty()) html += "<script>" + std::string(script) + "</script>\n";
  return html + "</body></html>\n";
}

}  // namespace kitsink
