// Draws and lists comparable runs.

#include "report/runs.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "report/chart.h"
#include "report/html.h"

namespace kitsink {
namespace {

constexpr size_t kMaxLabel = 80;  // bytes of a note that is shown on hover

const char* NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFirst: return "first";
    case Verdict::kPromoted: return "promoted";
    case Verdict::kRejected: return "rejected";
  }
  return "";
}

// The points that no other beats in both x and y, by rising x, and the ends of the line through them.
std::vector<ScatterPoint> Frontier(std::vector<ScatterPoint> points) {
  std::stable_sort(points.begin(), points.end(),
                   [](const ScatterPoint& a, const ScatterPoint& b) { return a.x < b.x || (a.x == b.x && a.y < b.y); });
  const double right = points.back().x;
  std::vector<ScatterPoint> front;
  for (const ScatterPoint& point : points) {
    if (front.empty() || point.y < front.back().y) front.push_back(point);
  }
  front.push_back({right, front.back().y, "", false, false});
  return front;
}

// Whether each run of a group is on the frontier of bytes and score.
std::vector<bool> OnFrontier(const RunGroup& group, std::span<const LedgerRecord> records) {
  std::vector<size_t> order(group.runs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto score_of = [&](size_t i) -> const Score& { return records[group.runs[i].index].score.score; };
  std::stable_sort(order.begin(), order.end(), [&score_of](size_t a, size_t b) {
    return std::pair(score_of(a).archive_bytes, score_of(a).total()) <
           std::pair(score_of(b).archive_bytes, score_of(b).total());
  });
  std::vector<bool> on(order.size());
  double least = std::numeric_limits<double>::infinity();
  for (const size_t i : order) {
    on[i] = score_of(i).total() < least;
    least = std::min(least, score_of(i).total());
  }
  return on;
}

std::string RowOf(const ComparedRun& run, const LedgerRecord& record) {
  const Score& score = record.score.score;
  const std::string delta =
      run.verdict == Verdict::kFirst ? "" : (run.delta < 0 ? "" : "+") + FormatFixed(run.delta, 8);
  std::string row = Row(std::to_string(run.index + 1), {EscapeHtml(record.time), FormatFixed(score.total(), 8), delta,
                                                        FormatBytes(score.archive_bytes), NameOf(run.verdict)});
  const std::string between = record.note.empty() || run.changes.empty() ? "" : "; ";
  row.insert(row.size() - std::string_view("</tr>").size(),
             "<td class=\"text\">" + EscapeHtml(record.note + between + run.changes) + "</td>");
  return row;
}

}  // namespace

size_t SelectRuns(std::vector<RunGroup>& groups, std::span<const LedgerRecord> records, size_t most) {
  std::vector<std::pair<int, size_t>> ranked;  // rank, and how many lines the ledger has behind the run
  for (const RunGroup& group : groups) {
    const std::vector<bool> on_frontier = OnFrontier(group, records);
    for (size_t i = 0; i < group.runs.size(); ++i) {
      const ComparedRun& run = group.runs[i];
      const bool notable = run.verdict != Verdict::kRejected || on_frontier[i];
      ranked.emplace_back(&run == &group.best() ? 0 : notable ? 1 : 2, records.size() - 1 - run.index);
    }
  }
  if (ranked.size() <= most) return 0;
  std::nth_element(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(most), ranked.end());
  std::vector<bool> kept(records.size());
  for (size_t i = 0; i < most; ++i) kept[records.size() - 1 - ranked[i].second] = true;
  for (RunGroup& group : groups)
    std::erase_if(group.runs, [&kept](const ComparedRun& run) { return !kept[run.index]; });
  std::erase_if(groups, [](const RunGroup& group) { return group.runs.empty(); });
  return ranked.size() - most;
}

std::string DrawRuns(std::span<const ComparedRun> runs, std::span<const LedgerRecord> records, const ScoreReport* now) {
  if (runs.empty()) return "";
  Scatter over_runs{"line of the ledger", "score", {}, {}};
  Scatter over_bytes{"bytes", "score", {}, {}};
  std::string rows;
  for (const ComparedRun& run : runs) {
    const LedgerRecord& record = records[run.index];
    const Score& score = record.score.score;
    const bool is_now =
        now != nullptr && record.score.archive_sha256 == now->archive_sha256 && score.total() == now->score.total();
    const std::string label = "line " + std::to_string(run.index + 1) + ", " + NameOf(run.verdict) + ": score " +
                              FormatFixed(score.total(), 8) + ", " + std::to_string(score.archive_bytes) + " bytes" +
                              (record.note.empty() ? "" : ", " + record.note.substr(0, kMaxLabel));
    const bool better = run.verdict != Verdict::kRejected;
    over_runs.points.push_back({static_cast<double>(run.index + 1), score.total(), label, better, is_now});
    over_bytes.points.push_back({static_cast<double>(score.archive_bytes), score.total(), label, better, is_now});
    if (better) over_runs.line.push_back(over_runs.points.back());
    rows += RowOf(run, record);
  }
  const std::string table =
      SortableTable({"line", "time", "score", "against the best", "bytes", "verdict", "note"}, rows);
  if (runs.size() == 1) return table;
  if (!over_runs.line.empty()) {
    over_runs.line.push_back({over_runs.points.back().x, over_runs.line.back().y, "", false, false});
  }
  over_bytes.line = Frontier(over_bytes.points);
  return "<div class=\"charts\">" + DrawScatter(over_runs) + DrawScatter(over_bytes) +
         "</div><p class=\"soft\">Filled: promoted, or the first; open: rejected" +
         (now == nullptr ? "" : "; ringed: this run") +
         ". Lines: the best so far; the runs that no other beats in both bytes and score.</p>" + table;
}

}  // namespace kitsink
