// Writes the page about a ledger: the runs of each group.

#include <algorithm>

#include "kitsink/page.h"
#include "report/html.h"
#include "report/runs.h"

namespace kitsink {

std::string FormatLedgerPage(std::span<const LedgerRecord> records, const std::string& name) {
  const std::vector<RunGroup> groups = CompareRuns(records);
  std::string html = "<h1>" + EscapeHtml(name) + "</h1><p class=\"soft\">" + FormatBytes(records.size()) + " runs";
  if (groups.size() > 1) {
    html += " of " + std::to_string(groups.size()) +
            " settings (nets, device, library, clip, pairs, decoder): a score compares only with those under the same "
            "heading";
  }
  html += ". Lower is better. A run is promoted when it beats the best earlier run of its settings.</p>\n";
  const size_t first = records.size() - std::min(records.size(), kPageRuns);
  if (first > 0) {
    html += Warning("the first " + std::to_string(first) + " runs are left out; kitsink ledger prints all");
  }
  for (const RunGroup& group : groups) {
    const auto begin = std::find_if(group.runs.begin(), group.runs.end(),
                                    [first](const ComparedRun& run) { return run.index >= first; });
    if (begin == group.runs.end()) continue;
    html += "<h2>" + EscapeHtml(HeadingOf(records[group.runs.front().index].score)) + "</h2>" +
            DrawRuns(std::span(begin, group.runs.end()), records, nullptr) + "\n";
  }
  return WrapPage(name, html, "");
}

}  // namespace kitsink
