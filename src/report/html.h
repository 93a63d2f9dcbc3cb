#pragma once
// Parts of every page: its frame, escaped text, figures and tables.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kitsink {

// Escapes text and quoted attributes. Control characters become spaces.
std::string EscapeHtml(std::string_view text);
// "0.00123400", with `digits` digits after the point.
std::string FormatFixed(double value, int digits);
// "1.234", with at most four digits.
std::string FormatShort(double value);
// "1 234 567", with thin spaces.
std::string FormatBytes(uint64_t bytes);
// "12.34 %"; empty when the whole is 0.
std::string FormatPercent(double part, double whole);

// A row of a table, and a table. Cells are HTML.
std::string Row(const std::string& head, const std::vector<std::string>& cells);
std::string Table(const std::vector<std::string>& heads, const std::string& rows);
// A table whose rows SortScript() sorts by the column whose head is clicked.
std::string SortableTable(const std::vector<std::string>& heads, const std::string& rows);
std::string_view SortScript();
// A definition list of escaped values.
std::string Definitions(const std::vector<std::pair<const char*, std::string>>& items);
// A paragraph of escaped text that stands out.
std::string Warning(std::string_view text);

// A whole page. `title` is text, `body` is HTML, `script` is JavaScript or empty. The page's policy makes the browser
// block network requests and every other script.
std::string WrapPage(std::string_view title, const std::string& body, std::string_view script);

}  // namespace kitsink
