// Writes the page about a ledger: an overview of the settings, and the runs of each.

#include <map>

#include "kitsink/page.h"
#include "report/html.h"
#include "report/runs.h"

namespace kitsink {
namespace {

// What a group had before runs were left out.
struct WholeGroup {
  size_t first = 0;  // record
  size_t num_runs = 0;
};

// One row for each group: its best run, and a link to the others.
std::string Overview(std::span<const RunGroup> groups, const std::map<std::string, WholeGroup>& whole,
                     std::span<const LedgerRecord> records) {
  std::string rows;
  for (const RunGroup& group : groups) {
    const WholeGroup& all = whole.at(group.settings);
    const ScoreReport& first = records[all.first].score;
    const ScoreReport& best = records[group.best().index].score;
    std::string row =
        Row(std::to_string(group.best().index + 1),
            {std::to_string(all.num_runs), FormatFixed(best.score.total(), 8),
             FormatFixed(best.score.total() - first.score.total(), 8), FormatFixed(best.score.seg_term(), 8),
             FormatFixed(best.score.pose_term(), 8), FormatBytes(best.score.archive_bytes)});
    row.insert(row.size() - std::string_view("</tr>").size(), "<td class=\"text\"><a href=\"#line" +
                                                                  std::to_string(all.first + 1) + "\">" +
                                                                  EscapeHtml(HeadingOf(first)) + "</a></td>");
    rows += row;
  }
  return "<h2>The best run of each settings</h2>" +
         SortableTable({"line", "runs", "score", "since the first", "seg term", "pose term", "bytes", "settings"},
                       rows);
}

}  // namespace

std::string FormatLedgerPage(std::span<const LedgerRecord> records, const std::string& name) {
  std::vector<RunGroup> groups = CompareRuns(records);
  std::map<std::string, WholeGroup> whole;
  for (const RunGroup& group : groups) whole[group.settings] = {group.runs.front().index, group.runs.size()};
  const size_t left_out = SelectRuns(groups, records, kPageRuns);
  std::string html = "<h1>" + EscapeHtml(name) + "</h1><p class=\"soft\">" + FormatBytes(records.size()) + " runs";
  if (whole.size() > 1) {
    html += " of " + std::to_string(whole.size()) +
            " settings (nets, device, library, clip, pairs, decoder): a score compares only with those under the same "
            "heading";
  }
  html += ". Lower is better. A run is promoted when it beats the best earlier run of its settings.</p>\n";
  if (left_out > 0)
    html += Warning(std::to_string(left_out) +
                    " runs are left out, rejected ones before promoted ones and old ones before new ones; kitsink "
                    "ledger prints all");
  if (groups.size() > 1) html += Overview(groups, whole, records) + "\n";
  for (const RunGroup& group : groups) {
    const size_t first = whole.at(group.settings).first;
    html += "<h2 id=\"line" + std::to_string(first + 1) + "\">" + EscapeHtml(HeadingOf(records[first].score)) +
            "</h2>" + DrawRuns(group.runs, records, nullptr) + "\n";
  }
  return WrapPage(name, html, SortScript());
}

}  // namespace kitsink
