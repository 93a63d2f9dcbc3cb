// Writes the page about one run, section by section. All untrusted text goes through EscapeHtml.

#include <algorithm>
#include <array>
#include <cmath>

#include "kitsink/contest.h"
#include "kitsink/report.h"
#include "kitsink/version.h"
#include "report/chart.h"
#include "report/page_style.h"

namespace kitsink {
namespace {

constexpr int kDigits = 8;  // as in FormatScore

std::string Row(const std::string& head, const std::vector<std::string>& cells) {
  std::string html = "<tr><td>" + head + "</td>";
  for (const std::string& cell : cells) html += "<td>" + cell + "</td>";
  return html + "</tr>";
}

std::string Table(const std::vector<std::string>& heads, const std::string& rows) {
  std::string html = "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string& head : heads) html += "<th>" + head + "</th>";
  return html + "</tr></thead><tbody>" + rows + "</tbody></table></div>";
}

std::string Key(size_t hue) { return "<span class=\"key c" + std::to_string(hue) + "\"></span>"; }

std::string Percent(double part, double whole) {
  return whole > 0 ? FormatFixed(100 * part / whole, 2) + "&#8239;%" : "";
}

std::string Header(const ScoreReport& report) {
  const bool partial = report.num_pairs != report.total_pairs;
  std::string html = "<h1>" + EscapeHtml(report.archive_name) + "</h1><div class=\"total\" id=\"score\">" +
                     FormatFixed(report.score.total(), kDigits) + "</div><p class=\"soft\">";
  html += partial ? "partial: " + std::to_string(report.num_pairs) + " of " + std::to_string(report.total_pairs)
                  : "score over " + std::to_string(report.num_pairs);
  html += " pairs, " + EscapeHtml(report.nets_label) + " on " + EscapeHtml(report.device) +
          ", archive alone; lower is better</p>";
  if (report.nets_label != "contest nets") {
    html += "<p class=\"warn\">Judged by " + EscapeHtml(report.nets_label) +
            ", not the contest's: compare only with scores of the same nets.</p>";
  }
  for (const std::string& note : report.notes) html += "<p class=\"warn\">" + EscapeHtml(note) + "</p>";
  return html;
}

std::string Terms(const ScoreReport& report) {
  const Score& score = report.score;
  const std::array<BarPart, 3> parts = {BarPart{"seg", score.seg_term()}, BarPart{"pose", score.pose_term()},
                                        BarPart{"bytes", score.rate_term()}};
  std::string rows;
  const auto row = [&](size_t hue, const std::string& head, const std::string& figure, const char* rule) {
    rows += Row(Key(hue) + head,
                {figure, FormatFixed(parts[hue].value, kDigits), Percent(parts[hue].value, score.total()), rule});
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

std::string Search(const Page& page) {
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

std::string SearchCurve(const Page& page) {
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

std::string Anatomy(const Page& page) {
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
    rows += Row(Key(parts.size()) + name,
                {FormatBytes(bytes), Percent(static_cast<double>(bytes), static_cast<double>(total)), points(bytes)});
    parts.push_back({name, static_cast<double>(bytes)});
  }
  rows += Row("all", {FormatBytes(total), "", points(total)});
  return html + DrawBar(parts) + Table({"", "bytes", "share", "of the score"}, rows);
}

std::string Legend() {
  std::string html = "<p class=\"soft\" id=\"legend\">Class maps:";
  for (const ClassColour& colour : kClassColours) {
    std::string rgb;
    for (const uint8_t value : colour.rgb) rgb += (rgb.empty() ? "" : ",") + std::to_string(value);
    html += " <span class=\"class\"><span class=\"key\" style=\"background:rgb(" + rgb + ")\"></span>" + colour.name +
            "</span>";
  }
  return html + " <span class=\"class\"><span class=\"key\" style=\"background:#fff\"></span>read otherwise</span></p>";
}

std::string Gallery(const char* heading, const std::string& legend, const std::vector<PagePair>& pairs,
                    const ScoreReport& report) {
  if (pairs.empty()) return "";
  std::string html = std::string("<h2>") + heading + "</h2>" + legend;
  for (const PagePair& pair : pairs) {
    const PairDistortion& distortion = report.pairs.at(pair.index - report.first_pair);
    html += "<p>pair " + std::to_string(pair.index) + ": seg " + FormatFixed(double{distortion.seg}, kDigits) +
            ", pose " + FormatFixed(double{distortion.pose}, kDigits) + "; adds about " + FormatFixed(pair.share, 6) +
            " to the score</p><div class=\"pair\">";
    const std::pair<const char*, const std::string*> pictures[] = {{"original f1", &pair.original},
                                                                   {"class map", &pair.class_map},
                                                                   {"inflated f0", &pair.f0},
                                                                   {"inflated f1", &pair.f1}};
    for (const auto& [name, uri] : pictures) {
      html += "<figure><img alt=\"pair " + std::to_string(pair.index) + ", " + name + "\" src=\"" + EscapeHtml(*uri) +
              "\"><figcaption>" + name + "</figcaption></figure>";
    }
    html += "</div>";
  }
  return html;
}

// Shows only runs with this score's settings, because other runs are not comparable.
std::string Ledger(const Page& page) {
  if (page.ledger.empty()) return "";
  std::string html = "<h2>Ledger</h2>";
  const std::string settings = SettingsOf(page.score);
  const std::vector<RunGroup> groups = CompareRuns(page.ledger);
  const auto group = std::find_if(groups.begin(), groups.end(),
                                  [&settings](const RunGroup& candidate) { return candidate.settings == settings; });
  const size_t shown = group == groups.end() ? 0 : group->runs.size();
  if (shown < page.ledger.size()) {
    html += "<p class=\"warn\">" + std::to_string(page.ledger.size() - shown) + " of " +
            std::to_string(page.ledger.size()) +
            " runs have other settings (nets, device, library, clip, pairs, decoder) and are left out.</p>";
  }
  if (shown == 0) return html;
  std::vector<ScatterPoint> points;
  std::string rows;
  for (const ComparedRun& run : group->runs) {
    const LedgerRecord& record = page.ledger[run.index];
    const Score& score = record.score.score;
    const bool promoted = run.verdict != Verdict::kRejected;
    const std::string line = std::to_string(run.index + 1);
    points.push_back(
        {static_cast<double>(score.archive_bytes), score.total(), "line " + line + ": " + record.note, promoted,
         record.score.archive_sha256 == page.score.archive_sha256 && score.total() == page.score.score.total()});
    rows +=
        Row(line, {EscapeHtml(record.time), FormatFixed(score.total(), kDigits),
                   run.verdict == Verdict::kFirst ? "" : (run.delta < 0 ? "" : "+") + FormatFixed(run.delta, kDigits),
                   FormatBytes(score.archive_bytes),
                   run.verdict == Verdict::kFirst ? "first"
                   : promoted                     ? "promoted"
                                                  : "rejected"});
    rows.insert(rows.size() - 5, "<td class=\"text\">" + EscapeHtml(record.note) +
                                     (record.note.empty() || run.changes.empty() ? "" : "; ") +
                                     EscapeHtml(run.changes) + "</td>");
  }
  return html + DrawScatter(points, "bytes", "score") +
         "<p class=\"soft\">Filled: promoted; open: rejected; ringed: this run.</p>" +
         Table({"line", "time", "score", "against the best", "bytes", "", "note"}, rows);
}

std::string Settings(const ScoreReport& report) {
  std::string html = "<h2>What was measured</h2><dl>";
  const auto item = [&html](const char* name, const std::string& value) {
    html += std::string("<dt>") + name + "</dt><dd>" + EscapeHtml(value) + "</dd>";
  };
  item("original", report.original_name + ", sha256 " + report.original_sha256);
  item("frames", report.ground_truth + "; " + report.ground_truth_decoder);
  item("inflated", report.inflated_name);
  item("archive", report.archive_name + ", sha256 " + report.archive_sha256);
  item("SegNet", "sha256 " + report.segnet_sha256);
  item("PoseNet", "sha256 " + report.posenet_sha256);
  item("judged on", report.device + ", " + report.torch);
  if (!report.made.empty()) item("made by", report.made);
  return html + "</dl>";
}

}  // namespace

std::string DataUri(std::string_view type, std::span<const uint8_t> bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string uri = "data:" + std::string(type) + ";base64,";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < count ? bytes[i + j] : 0U);
    for (size_t j = 0; j < 4; ++j) uri += j <= count ? kAlphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return uri;
}

std::string FormatPage(const Page& page) {
  const ScoreReport& report = page.score;
  // The policy makes the browser block scripts and network requests.
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'\"><title>" +
      EscapeHtml(report.archive_name) + ", " + FormatFixed(report.score.total(), 6) + "</title><style>" + kPageStyle +
      "</style></head>\n<body>\n";
  html += Header(report) + "\n" + Terms(report) + "\n" + Anatomy(page) + "\n" + Timelines(report) + "\n" +
          Search(page) + SearchCurve(page) + "\n" + Gallery("Worst pairs", Legend(), page.worst, report) + "\n" +
          Gallery("Best pairs", "", page.best, report) + "\n" + Ledger(page) + "\n" + Settings(report) + "\n";
  html += "<details><summary>The score as JSON</summary><pre id=\"json\">" + EscapeHtml(FormatScoreJson(report)) +
          "</pre></details>\n<p class=\"soft\">kitsink " + EscapeHtml(Version()) + "</p>\n</body></html>\n";
  return html;
}

}  // namespace kitsink
