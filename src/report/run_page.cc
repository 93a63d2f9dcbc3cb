// Writes the page about one run, section by section. All untrusted text goes through EscapeHtml.

#include <algorithm>
#include <array>
#include <cmath>

#include "kitsink/contest.h"
#include "kitsink/page.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/runs.h"
#include "report/viewer.h"

namespace kitsink {
namespace {

constexpr int kDigits = 8;  // as in FormatScore

std::string Header(const ScoreReport& report) {
  const bool partial = report.num_pairs != report.total_pairs;
  std::string html = "<h1>" + EscapeHtml(report.archive_name) + "</h1><div class=\"total\" id=\"score\">" +
                     FormatFixed(report.score.total(), kDigits) + "</div><p class=\"soft\">";
  html += partial ? "partial: " + std::to_string(report.num_pairs) + " of " + std::to_string(report.total_pairs)
                  : "score over " + std::to_string(report.num_pairs);
  html += " pairs, " + EscapeHtml(report.nets_label) + " on " + EscapeHtml(report.device) +
          ", archive alone; lower is better</p>";
  if (report.nets_label != "contest nets") {
    html +=
        Warning("Judged by " + report.nets_label + ", not the contest's: compare only with scores of the same nets.");
  }
  for (const std::string& note : report.notes) html += Warning(note);
  return html;
}

std::string Terms(const ScoreReport& report) {
  const Score& score = report.score;
  const std::array<BarPart, 3> parts = {BarPart{"seg", score.seg_term()}, BarPart{"pose", score.pose_term()},
                                        BarPart{"bytes", score.rate_term()}};
  std::string rows;
  const auto row = [&](size_t hue, const std::string& head, const std::string& figure, const char* rule) {
    rows += Row(KeyOfLast(std::span(parts).first(hue + 1)) + head,
                {figure, FormatFixed(parts[hue].value, kDigits), FormatPercent(parts[hue].value, score.total()), rule});
  };
  row(0, "seg", FormatFixed(score.seg, kDigits), "100 &times; seg");
  row(1, "pose", FormatFixed(score.pose, kDigits), "&radic;(10 &times; pose)");
  row(2, "bytes", FormatBytes(score.archive_bytes), "25 &times; bytes / original");
  rows += Row("archive alone", {"", "<b>" + FormatFixed(score.total(), kDigits) + "</b>", "", ""});
  if (report.nets_at_inflate) {
    rows += Row("archive plus nets", {FormatBytes(report.WithNets().archive_bytes),
                                      FormatFixed(report.WithNets().total(), kDigits), "", "the contest&#39;s rule"});
  }
  rows += Row("in upstream&#39;s float32", {"", FormatFixed(report.upstream.total(), kDigits), "", ""});
  return "<h2>Terms</h2>" + DrawBar(parts) + Table({"", "figure", "term", "share", ""}, rows);
}

std::string Timelines(const ScoreReport& report) {
  std::vector<float> seg;
  std::vector<float> pose;
  for (const PairDistortion& pair : report.pairs) {
    seg.push_back(pair.seg);
    pose.push_back(pair.pose);
  }
  return "<h2>Pairs</h2>" + DrawTimeline({"seg", "of the cells", seg, {}, report.first_pair, "c0"}) +
         DrawTimeline({"pose", "squared error", pose, {}, report.first_pair, "c1"});
}

std::string Search(const RunPage& page) {
  if (page.before.empty() || page.before.size() != page.after.size()) return "";
  std::array<std::vector<float>, 4> series;
  for (size_t i = 0; i < page.before.size(); ++i) {
    series[0].push_back(100 * page.before[i].seg);
    series[1].push_back(100 * page.after[i].seg);
    // The root, as in the score: a search may divide pose errors by thousands, and the chart must show both.
    series[2].push_back(std::sqrt(10 * page.before[i].pose));
    series[3].push_back(std::sqrt(10 * page.after[i].pose));
  }
  const uint64_t first = page.score.first_pair;
  return "<h2>Search</h2><p class=\"soft\">Terms of each pair against the archive&#39;s own targets: pale before the "
         "search, full after it."
         "</p>" +
         DrawTimeline({"seg term", "searched", series[1], series[0], first, "c0"}) +
         DrawTimeline({"pose term", "searched", series[3], series[2], first, "c1"});
}

std::string SearchCurve(const RunPage& page) {
  if (page.curve.size() < 2) return "";
  std::vector<float> seg;
  std::vector<float> pose;
  for (const MeanDistortion& at : page.curve) {
    seg.push_back(static_cast<float>(100 * at.seg));
    pose.push_back(static_cast<float>(std::sqrt(10 * at.pose)));
  }
  const std::string unit = "over the steps, at last ";
  return "<p class=\"soft\" id=\"curve\">Terms over all pairs after each number of steps, from the best frames of each "
         "pair so far. The first and last steps change f0 only, which SegNet does not read.</p>" +
         DrawTimeline({"seg term", unit + FormatFixed(seg.back(), 6), seg, {}, 0, "c0", "step"}) +
         DrawTimeline({"pose term", unit + FormatFixed(pose.back(), 6), pose, {}, 0, "c1", "step"});
}

std::string Anatomy(const RunPage& page) {
  const uint64_t total = page.score.score.archive_bytes;
  const double per_byte = ScorePerByte(page.score.score.original_bytes);
  const auto points = [per_byte](uint64_t bytes) {
    return FormatFixed(per_byte * static_cast<double>(bytes), kDigits);
  };
  std::string html = "<h2>Archive</h2>";
  if (page.sections.empty()) {
    return html + "<p>" + FormatBytes(total) + " bytes, " + points(total) +
           " of the score; not one of kitsink&#39;s archives, so its parts are unknown here.</p>";
  }
  std::vector<BarPart> parts;
  std::string rows;
  for (const SectionUse& section : page.sections) {
    const std::string name = section.name == section.title ? section.name : section.name + ", " + section.title;
    const uint64_t bytes = section.size_bytes;
    parts.push_back({name, static_cast<double>(bytes)});
    rows +=
        Row(KeyOfLast(parts) + name,
            {FormatBytes(bytes), FormatPercent(static_cast<double>(bytes), static_cast<double>(total)), points(bytes)});
  }
  rows += Row("all", {FormatBytes(total), "", points(total)});
  return html + DrawBar(parts) + Table({"", "bytes", "share", "of the score"}, rows);
}

// Shows only runs with this score's settings, because other runs are not comparable.
std::string Ledger(const RunPage& page) {
  if (page.ledger.empty()) return "";
  std::string html = "<h2>Ledger</h2>";
  const std::string settings = SettingsOf(page.score);
  std::vector<RunGroup> groups = CompareRuns(page.ledger);
  std::erase_if(groups, [&settings](const RunGroup& group) { return group.settings != settings; });
  const size_t shown = groups.empty() ? 0 : groups.front().runs.size();
  if (shown < page.ledger.size()) {
    html += Warning(std::to_string(page.ledger.size() - shown) + " of " + std::to_string(page.ledger.size()) +
                    " runs have other settings (nets, device, library, clip, pairs, decoder) and are left out.");
  }
  if (shown == 0) return html;
  const size_t left_out = SelectRuns(groups, page.ledger, kPageRuns);
  if (left_out > 0) {
    html += Warning(std::to_string(left_out) +
                    " of the others are left out, too: rejected ones before promoted ones, old ones before new ones");
  }
  return html + DrawRuns(groups.front().runs, page.ledger, &page.score);
}

std::string Settings(const ScoreReport& report) {
  std::vector<std::pair<const char*, std::string>> items = {
      {"original", report.original_name + ", sha256 " + report.original_sha256},
      {"frames", report.ground_truth + "; " + report.ground_truth_decoder},
      {"inflated", report.inflated_name},
      {"archive", report.archive_name + ", sha256 " + report.archive_sha256},
      {"SegNet", "sha256 " + report.segnet_sha256},
      {"PoseNet", "sha256 " + report.posenet_sha256},
      {"judged on", report.device + ", " + report.torch}};
  if (!report.made.empty()) items.emplace_back("made by", report.made);
  return "<h2>What was measured</h2>" + Definitions(items);
}

}  // namespace

std::string FormatRunPage(const RunPage& page) {
  const ScoreReport& report = page.score;
  const std::string pictures = DrawPairs(page);
  const std::string html = Header(report) + "\n" + Terms(report) + "\n" +
                           (pictures.empty() ? "" : "<h2>Pictures</h2>" + pictures) + "\n" + Anatomy(page) + "\n" +
                           Timelines(report) + "\n" + Search(page) + SearchCurve(page) + "\n" + Ledger(page) + "\n" +
                           Settings(report) + "\n<details><summary>The score as JSON</summary><pre id=\"json\">" +
                           EscapeHtml(FormatScoreJson(report)) + "</pre></details>\n";
  return WrapPage(
      report.archive_name + ", " + FormatFixed(report.score.total(), 6), html,
      std::string(page.pairs.empty() ? "" : ViewerScript()) + std::string(page.ledger.empty() ? "" : SortScript()));
}

}  // namespace kitsink
