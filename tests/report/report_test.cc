// Ledgers, pages and audits: formats, comparisons, rejection.

#include "kitsink/report.h"

#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include "format_testlib.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "kitsink/page.h"

namespace kitsink {
namespace {

ScoreReport MakeReport(double seg, uint64_t archive_bytes) {
  ScoreReport report;
  report.score = {.seg = seg, .pose = 0.004, .archive_bytes = archive_bytes, .original_bytes = 37545489};
  report.upstream = report.score;
  report.upstream.seg = static_cast<double>(static_cast<float>(seg));
  report.codec = "search";
  report.nets_at_inflate = true;
  report.nets_bytes = 3548468;
  report.num_pairs = report.total_pairs = 2;
  report.original_name = "drive \"one\".mkv";
  report.original_sha256 = std::string(64, 'a');
  report.inflated_name = "out/drive.raw";
  report.archive_name = "drive.zip";
  report.archive_sha256 = std::string(64, 'b');
  report.made = R"({"inflate":{"options":{"steps":300,"grid":"auto"},"seconds":{"search":12.5}}})";
  report.nets_label = "stand-in nets";
  report.segnet_sha256 = std::string(64, 'c');
  report.posenet_sha256 = std::string(64, 'd');
  report.device = "cpu";
  report.torch = "LibTorch 1.13.0, oneDNN on, CUDA off, 2 threads";
  report.ground_truth = "decoded here";
  report.ground_truth_decoder = "FFmpeg libavcodec 59.37.100";
  report.ground_truth_sha256 = std::string(64, 'a');
  report.seconds = 1.25;
  report.notes = {"a note"};
  report.pairs = {{0.25F, 0.1F}, {0.0F, 0.3F}};
  return report;
}

LedgerRecord MakeRecord(const ScoreReport& score, const std::string& note = "") {
  return {"2026-11-21T15:04:05Z", "kitsink 0.1.0", note, score};
}

std::string Lines(const std::vector<LedgerRecord>& records) {
  std::string text;
  for (const LedgerRecord& record : records) text += FormatLedgerRecord(record) + "\n";
  return text;
}

// Runs of `num_clips` clips in turn, most of them worse than the best before.
std::vector<LedgerRecord> ManyRuns(size_t num_runs, size_t num_clips) {
  std::vector<LedgerRecord> records;
  for (size_t i = 0; i < num_runs; ++i) {
    const double seg = 0.1 + static_cast<double>(i * 7919 % 1009) * 1e-4;
    ScoreReport score = MakeReport(seg, 5000 + i * 104729 % 997);
    const std::string clip = std::to_string(i % num_clips);
    score.original_name = "videos/drive_" + clip + ".mkv";
    score.original_sha256.replace(0, clip.size(), clip);
    records.push_back(MakeRecord(score, i % 2 == 0 ? "" : "run " + std::to_string(i)));
  }
  return records;
}

void Replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

TEST(ScoreJson, ComesBackAsItWas) {
  const ScoreReport report = MakeReport(1.0 / 3, 177857);
  const std::string json = FormatScoreJson(report);
  const Result<ScoreReport> parsed = ParseScoreJson(json);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(FormatScoreJson(parsed.value()), json);
  EXPECT_EQ(parsed.value().score.total(), report.score.total());
  EXPECT_EQ(parsed.value().pairs[1].pose, 0.3F);
}

TEST(ScoreJson, HasAnEntryForEachClip) {
  ScoreReport report = MakeReport(0.25, 1000);
  report.clips = {{"a.mkv", std::string(64, 'a'), 5000, 1, {0.5, 0.001}}, {"b/\"c\".mkv", "", 1, 1, {0, 0}}};
  const std::string json = FormatScoreJson(report);
  const Result<ScoreReport> parsed = ParseScoreJson(json);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(FormatScoreJson(parsed.value()), json);
  ASSERT_EQ(parsed.value().clips.size(), 2U);
  EXPECT_EQ(parsed.value().clips[1].name, "b/\"c\".mkv");
  EXPECT_NE(json.find("\"distortion_terms\": 50.1"), std::string::npos) << json;
  const std::string text = FormatScore(report);
  EXPECT_LT(text.find("0.50000000    0.00100000   50.10000000   a.mkv\n"), text.find("score over 2 pairs")) << text;
  report.clips[0].means.seg = 2;
  EXPECT_EQ(ParseScoreJson(FormatScoreJson(report)).error().message, "score: clips[].seg is out of range");
}

TEST(ScoreJson, NamesWhatIsWrong) {
  const std::string good = FormatScoreJson(MakeReport(0.25, 1000));
  const auto expect = [&good](const std::string& from, const std::string& to, const std::string& what) {
    std::string text = good;
    Replace(text, from, to);
    const Result<ScoreReport> parsed = ParseScoreJson(text);
    ASSERT_FALSE(parsed.ok()) << what;
    EXPECT_EQ(parsed.error().code, Code::kCorrupt);
    EXPECT_NE(parsed.error().message.find(what), std::string::npos) << parsed.error().message;
  };
  expect("\"num_pairs\": 2", "\"num_pairs\": -2", "num_pairs is not a whole number");
  expect("\"num_pairs\": 2", "\"num_pairs\": 0", "num_pairs is 0");
  expect("\"num_pairs\": 2", "\"num_pairs\": 3", "pairs is not num_pairs long");
  expect("\"device\": \"cpu\"", "\"device\": 7", "device is not a string");
  expect("\"segnet_sha256\"", "\"segnet\"", "lacks nets.segnet_sha256");
  expect("\"seg\": 0.25", "\"seg\": 1.25", "archive_alone.seg is out of range");
  expect("\"seg\": 0.25", "\"seg\": 0.125", "archive_alone.score is not what seg, pose and bytes give");
  expect("\"original_bytes\": 37545489", "\"original_bytes\": 0", "archive_alone.original_bytes is 0");
  expect("{", "", "is not a JSON object");
  expect("\"a note\"", std::string(4000, '[') + std::string(4000, ']'), "nested too deeply");
}

TEST(Ledger, RecordsComeBack) {
  const std::vector<LedgerRecord> records = {MakeRecord(MakeReport(0.2, 5000), "first\nnote"),
                                             MakeRecord(MakeReport(0.1, 6000))};
  const std::string text = Lines(records);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  const Result<std::vector<LedgerRecord>> parsed = ParseLedger(text, "runs.jsonl");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  ASSERT_EQ(parsed.value().size(), 2U);
  EXPECT_EQ(parsed.value()[0].note, "first\nnote");
  EXPECT_EQ(Lines(parsed.value()), text);
  EXPECT_TRUE(ParseLedger("", "empty").value().empty());
}

TEST(Ledger, TellsTheBestRunOfEachOfManySettings) {
  constexpr size_t kClips = 37;
  const Result<std::vector<LedgerRecord>> parsed = ParseLedger(Lines(ManyRuns(3000, kClips)), "runs.jsonl");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const std::vector<LedgerRecord>& records = parsed.value();
  const std::vector<RunGroup> groups = CompareRuns(records);
  ASSERT_EQ(groups.size(), kClips);
  size_t num_runs = 0;
  std::string expected;  // "line runs score" of each row
  for (size_t clip = 0; clip < kClips; ++clip) {
    const RunGroup& group = groups[clip];
    num_runs += group.runs.size();
    size_t best = clip;
    for (size_t i = clip; i < records.size(); i += kClips) {
      if (records[i].score.score.total() < records[best].score.score.total()) best = i;
    }
    EXPECT_EQ(group.best().index, best);
    EXPECT_TRUE(std::is_sorted(group.runs.begin(), group.runs.end(),
                               [](const ComparedRun& a, const ComparedRun& b) { return a.index < b.index; }));
    char row[64];
    std::snprintf(row, sizeof(row), "  %4zu  %5zu  %12.8f ", best + 1, group.runs.size(),
                  records[best].score.score.total());
    EXPECT_NE(FormatBestRuns(records).find(row), std::string::npos) << row;
  }
  EXPECT_EQ(num_runs, records.size());
  const std::string text = FormatBestRuns(records);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), static_cast<std::ptrdiff_t>(kClips + 1));
  EXPECT_NE(text.find("clip drive_36.mkv 36aaaaaa, all 2 pairs"), std::string::npos) << text;
  const std::string json = FormatLedgerJson(records, /*best_only=*/true);
  EXPECT_NE(json.find("\"num_runs\": 82"), std::string::npos);
  EXPECT_EQ(json.find("\"rejected\""), std::string::npos);
}

// A list of hundreds of clips makes a line no longer than one clip does.
TEST(Ledger, KeepsNoClipsAndNoPairs) {
  ScoreReport score = MakeReport(0.2, 5000);
  const std::string alone = FormatLedgerRecord(MakeRecord(score));
  for (int i = 0; i < 2000; ++i) {
    score.clips.push_back({"drive_" + std::to_string(i) + ".mkv", std::string(64, 'e'), 1000, 2, {0.25, 0.5}});
  }
  EXPECT_EQ(FormatLedgerRecord(MakeRecord(score)), alone);
}

TEST(Ledger, ErrorsNameFileAndLine) {
  const std::string good = Lines({MakeRecord(MakeReport(0.2, 5000))});
  const auto expect = [&good](const std::string& second, Code code) {
    const Result<std::vector<LedgerRecord>> parsed = ParseLedger(good + second, "runs.jsonl");
    ASSERT_FALSE(parsed.ok()) << second.substr(0, 80);
    EXPECT_TRUE(parsed.error().message.starts_with("runs.jsonl:2: ")) << parsed.error().message;
    EXPECT_EQ(parsed.error().code, code) << parsed.error().message;
    testing::ExpectDecent(parsed.error());
  };
  expect("\n", Code::kCorrupt);
  expect("null\n", Code::kCorrupt);
  expect("{\"ledger\":1}\n", Code::kCorrupt);
  expect("{\"ledger\":2}\n", Code::kUnsupported);
  expect(good.substr(0, good.size() - 1), Code::kCorrupt);
  expect(std::string(100000, '[') + "\n", Code::kLimit);
  expect(std::string(300000, ' ') + "\n", Code::kLimit);
  expect("\xff\xfe\n", Code::kCorrupt);
}

TEST(Ledger, TakesTheScoresOfCompress) {
  const std::string manifest = R"({"codec": "video", "first_pair": 10, "num_pairs": 60,
    "original": {"path": "a.mkv", "bytes": 1000000, "sha256": "aa"}, "archive": {"path": "a.zip", "bytes": 2000, "sha256": "bb"},
    "ground_truth": {"decoder": "FFmpeg", "sha256": "aa"}, "device": "cpu", "torch": "LibTorch 1.13.0, 2 threads",
    "nets": {"label": "stand-in nets", "segnet_sha256": "cc", "posenet_sha256": "dd", "bytes": 7},
    "options": {"effort": 8}, "sample": [22, 38],
    "tries": [{"try": "av1 crf 40", "archive_bytes": 1900, "seg": 0.01, "pose": 0.002, "promoted": true}],
    "stages": [{"stage": "stream", "archive_bytes": 2000, "seg": 0.02, "pose": 0.003},
               {"stage": "filter", "archive_bytes": 2400, "seg": 0.03, "pose": 0.001}]})";
  const std::vector<ScoreReport> scores = ScoresOfCompress(manifest, false).TakeValue();
  ASSERT_EQ(scores.size(), 3U);
  EXPECT_EQ(scores[0].first_pair, 32U);
  EXPECT_EQ(scores[0].num_pairs, 16U);
  EXPECT_EQ(scores[0].notes.size(), 1U);
  EXPECT_EQ(scores[0].score.archive_bytes, 1900U);
  EXPECT_EQ(scores[0].score.original_bytes, 1000000U);
  EXPECT_EQ(scores[1].first_pair, 10U);
  EXPECT_EQ(scores[1].num_pairs, 60U);
  EXPECT_EQ(scores[1].score.seg, 0.02);
  EXPECT_EQ(scores[1].archive_sha256, "bb");  // the filter was rejected
  EXPECT_EQ(scores[2].archive_sha256, "");
  EXPECT_NE(SettingsOf(scores[0]), SettingsOf(scores[1]));
  EXPECT_EQ(SettingsOf(scores[1]), SettingsOf(scores[2]));
  // Lines of a ledger hold them whole.
  std::vector<LedgerRecord> records;
  for (const ScoreReport& score : scores) records.push_back(MakeRecord(score));
  EXPECT_EQ(Lines(ParseLedger(Lines(records), "runs").TakeValue()), Lines(records));
  EXPECT_EQ(CompareRuns(records)[1].runs[1].changes, "compress.stage \"stream\" -> \"filter\"");
  EXPECT_EQ(ScoresOfCompress("{}", false).error().code, Code::kCorrupt);
  EXPECT_EQ(ScoresOfCompress("no JSON", false).error().code, Code::kCorrupt);
}

TEST(Ledger, ComparesWithinSettingsOnly) {
  ScoreReport cuda = MakeReport(0.01, 4000);
  cuda.device = "cuda:1";
  ScoreReport more_steps = MakeReport(0.1, 5000);
  more_steps.made = R"({"inflate":{"options":{"steps":600,"grid":"auto"}}})";
  more_steps.torch = "LibTorch 1.13.0, oneDNN on, CUDA off, 16 threads";
  const std::vector<LedgerRecord> records = {MakeRecord(MakeReport(0.2, 5000)), MakeRecord(cuda),
                                             MakeRecord(more_steps), MakeRecord(MakeReport(0.15, 5000))};
  const std::vector<RunGroup> groups = CompareRuns(records);
  ASSERT_EQ(groups.size(), 2U);
  ASSERT_EQ(groups[0].runs.size(), 3U);
  EXPECT_EQ(groups[0].runs[0].verdict, Verdict::kFirst);
  EXPECT_EQ(groups[0].runs[1].verdict, Verdict::kPromoted);
  EXPECT_NEAR(groups[0].runs[1].delta, -10, 1e-9);
  EXPECT_EQ(groups[0].runs[1].changes, "inflate.steps 300 -> 600");
  EXPECT_EQ(groups[0].runs[2].verdict, Verdict::kRejected);
  EXPECT_EQ(groups[0].runs[2].best, 2U);
  EXPECT_NEAR(groups[0].runs[2].delta, 5, 1e-9);
  EXPECT_EQ(groups[1].runs[0].index, 1U);
  EXPECT_NE(FormatLedger(records).find("2 settings: a score compares only"), std::string::npos);
  EXPECT_NE(FormatVerdict(records).find("rejected, +5.00000000 against the best so far, line 3; not compared with 1"),
            std::string::npos)
      << FormatVerdict(records);
}

TEST(Ledger, EverySettingSeparates) {
  const ScoreReport base = MakeReport(0.2, 5000);
  std::vector<ScoreReport> others(10, base);
  others[0].segnet_sha256 = std::string(64, '0');
  others[1].posenet_sha256 = std::string(64, '0');
  others[2].device = "cuda:0";
  others[3].torch = "LibTorch 2.1.0, oneDNN on, CUDA off, 2 threads";
  others[4].original_sha256 = std::string(64, '0');
  others[5].first_pair = 1;
  others[6].num_pairs = 1;
  others[7].ground_truth_decoder = "DALI 1.52.0";
  others[8].ground_truth_sha256 = std::string(64, '0');
  others[9].nets_at_inflate = false;
  for (const ScoreReport& other : others) EXPECT_NE(SettingsOf(other), SettingsOf(base));
}

TEST(Ledger, TerminalsSeeNoControlCharacters) {
  const std::vector<LedgerRecord> records = {MakeRecord(MakeReport(0.2, 5000), "\x1b[2Jgone\nnew line")};
  EXPECT_EQ(FormatLedger(records).find('\x1b'), std::string::npos);
  EXPECT_NE(FormatLedger(records).find("?[2Jgone?new line"), std::string::npos);
}

TEST(Ledger, AppendsWholeLines) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder / "runs.jsonl";
  ASSERT_TRUE(AppendToLedger(path, MakeReport(0.2, 5000), "one").ok());
  ASSERT_TRUE(AppendToLedger(path, MakeReport(0.1, 5000), "two").ok());
  const Result<std::vector<LedgerRecord>> records = LoadLedger(path);
  ASSERT_TRUE(records.ok()) << records.error().message;
  EXPECT_EQ(records.value()[1].note, "two");
  EXPECT_TRUE(records.value()[1].score.pairs.empty());
  const std::string cut = "cut";
  ASSERT_TRUE(
      WriteFile(path, std::span(reinterpret_cast<const uint8_t*>(cut.data()), cut.size()), Overwrite::kAllow).ok());
  EXPECT_EQ(AppendToLedger(path, MakeReport(0.2, 5000), "").error().code, Code::kCorrupt);
  EXPECT_EQ(FileSize(path).value(), 3U);
  EXPECT_FALSE(AppendToLedger("/dev/full", MakeReport(0.2, 5000), "").ok());
}

// Replaces "&lt;" by "<", and so on.
std::string Unescape(std::string text) {
  const std::pair<const char*, const char*> entities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
  for (const auto& [entity, character] : entities) {
    for (size_t at = text.find(entity); at != std::string::npos; at = text.find(entity, at + 1)) {
      text.replace(at, std::string(entity).size(), character);
    }
  }
  return text;
}

std::string Between(const std::string& text, const std::string& before, const std::string& after) {
  const size_t begin = text.find(before);
  if (begin == std::string::npos) return "";
  return text.substr(begin + before.size(), text.find(after, begin + before.size()) - begin - before.size());
}

// The page without the inside of its script, which must be the last element.
std::string WithoutScript(const std::string& html) {
  const size_t begin = html.find("<script>");
  const size_t end = html.find("</script>");
  if (begin == std::string::npos) return html;
  EXPECT_EQ(html.substr(end), "</script>\n</body></html>\n");
  return html.substr(0, begin + std::string("<script>").size()) + html.substr(end);
}

// Every tag is closed in order, and "<" occurs only in tags and in the script.
void ExpectBalanced(const std::string& page) {
  const std::string html = WithoutScript(page);
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const size_t end = html.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = html.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find(' '));
    if (name == "!DOCTYPE" || name == "meta" || name == "img") continue;
    if (name.starts_with("/")) {
      ASSERT_FALSE(open.empty()) << tag;
      ASSERT_EQ(open.back(), name.substr(1)) << html.substr(at > 200 ? at - 200 : 0, 260);
      open.pop_back();
    } else {
      open.push_back(name);
    }
  }
  EXPECT_TRUE(open.empty());
}

// Nothing in the page makes a browser ask for another file.
void ExpectAlone(const std::string& page) {
  const std::string html = WithoutScript(page);
  for (const char* foreign : {"http:", "https:", "//cdn", "<link", "url(", "@import", "onload", "onclick", "<iframe"}) {
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
  }
  for (size_t at = html.find("src="); at != std::string::npos; at = html.find("src=", at + 1)) {
    EXPECT_EQ(html.compare(at, 10, "src=\"data:"), 0) << html.substr(at, 40);
  }
}

PagePair MakePair(uint64_t index, const std::string& why, double share) {
  const std::string picture = DataUri("image/png", Bytes{1, 2, 3, 4});
  return {index, why, share, picture, picture, picture, picture, picture, picture};
}

RunPage MakeWholePage() {
  RunPage page;
  page.score = MakeReport(0.125, 177857);
  page.score.score.pose = 0.2;
  page.sections = {{"m", "class maps", 120000, "", {}}, {"w", "generator", 50000, "", {}}, {"p", "poses", 7700, "", {}},
                   {"r", "selectors", 45, "", {}},      {"header", "header", 12, "", {}},  {"zip", "zip", 100, "", {}}};
  page.frame_size = kContestFrameSize;
  page.pairs = {MakePair(0, "worst 1", 1), MakePair(1, "best 1", 0.5)};
  page.before = {{0.5F, 0.5F}, {0.5F, 0.5F}};
  page.after = page.score.pairs;
  page.curve = {{0.5, 0.4}, {0.25, 0.1}, {0.125, 0.2}};
  page.ledger = {MakeRecord(MakeReport(0.2, 5000), "first"), MakeRecord(MakeReport(0.1, 6000), "the better")};
  return page;
}

TEST(Page, NeedsNothingElseAndIsBalanced) {
  const std::string html = FormatRunPage(MakeWholePage());
  ExpectBalanced(html);
  ExpectAlone(html);
  for (const char* section : {"Terms", "Pictures", "Archive", "Pairs", "Search", "Ledger", "What was measured"}) {
    EXPECT_NE(html.find("<h2>" + std::string(section) + "</h2>"), std::string::npos) << section;
  }
}

TEST(Page, ItsPolicyLetsOnlyItsOwnScriptRun) {
  const RunPage page = MakeWholePage();
  const std::string html = FormatRunPage(page);
  const std::string script = Between(html, "<script>", "</script>");
  ASSERT_FALSE(script.empty());
  const std::string hex = Sha256Hex(std::span(reinterpret_cast<const uint8_t*>(script.data()), script.size()));
  Bytes hash;
  for (size_t i = 0; i < hex.size(); i += 2) {
    hash.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  const std::string base64 = DataUri("", hash).substr(std::string("data:;base64,").size());
  EXPECT_EQ(Between(html, "script-src ", "\""), "'sha256-" + base64 + "'");
  RunPage bare = page;
  bare.pairs.clear();
  bare.ledger.clear();
  EXPECT_EQ(FormatRunPage(bare).find("<script"), std::string::npos);
}

TEST(Page, ShowsEveryPairOnceWithSixPictures) {
  const std::string html = FormatRunPage(MakeWholePage());
  for (const char* name : {"original f0", "inflated f0", "original f1", "inflated f1", "class map of the original f1",
                           "class map of the inflated f1"}) {
    EXPECT_NE(html.find("alt=\"pair 1, " + std::string(name) + "\""), std::string::npos) << name;
  }
  EXPECT_NE(html.find("<option>pair 0, worst 1</option><option>pair 1, best 1</option>"), std::string::npos);
  EXPECT_NE(html.find("--shape:1164/874"), std::string::npos);
}

TEST(Page, FiguresAreThoseOfTheScore) {
  const RunPage page = MakeWholePage();
  const std::string html = FormatRunPage(page);
  const std::string json = Unescape(Between(html, "<pre id=\"json\">", "</pre>"));
  EXPECT_EQ(json, FormatScoreJson(page.score));
  const Score& score = page.score.score;
  char text[32];
  std::snprintf(text, sizeof(text), "%.8f", score.total());
  EXPECT_EQ(Between(html, "id=\"score\">", "<"), text);
  for (const double figure : {score.seg, score.pose, score.seg_term(), score.pose_term(), score.rate_term(),
                              page.score.WithNets().total(), page.score.upstream.total()}) {
    std::snprintf(text, sizeof(text), "<td>%.8f</td>", figure);
    EXPECT_NE(html.find(text), std::string::npos) << text;
  }
  EXPECT_NE(html.find("177&#8239;857"), std::string::npos);
  // 177857 - 177757 bytes of zip.
  EXPECT_NE(html.find("zip</td><td>100</td>"), std::string::npos);
}

TEST(Page, DrawsTheSearchStepByStep) {
  RunPage page = MakeWholePage();
  const std::string html = FormatRunPage(page);
  EXPECT_NE(html.find("<title>step 1: 25</title>"), std::string::npos);  // 100 * seg
  EXPECT_NE(html.find("<title>step 0: 2</title>"), std::string::npos);   // sqrt(10 * pose)
  EXPECT_NE(html.find("at last 12.500000"), std::string::npos);
  EXPECT_NE(html.find("<span>step 2</span>"), std::string::npos);
  page.curve.resize(1);  // rendered only
  EXPECT_EQ(FormatRunPage(page).find("step 0"), std::string::npos);
}

TEST(Page, NamesTheColoursOfTheClassMapsItShows) {
  const RunPage page = MakeWholePage();
  const std::string html = FormatRunPage(page);
  for (const ClassColour& colour : kClassColours) {
    EXPECT_NE(html.find(std::string("</span>") + colour.name + "</span>"), std::string::npos) << colour.name;
  }
  EXPECT_NE(html.find("background:rgb(240,180,60)\"></span>lane marks<"), std::string::npos);
  RunPage bare = page;
  bare.pairs.clear();
  EXPECT_EQ(FormatRunPage(bare).find("id=\"legend\""), std::string::npos);
}

TEST(Page, EscapesEveryStrangersText) {
  RunPage page = MakeWholePage();
  const std::string evil = "</pre><script>alert('x')</script>\"&";
  page.score.archive_name = page.score.inflated_name = page.score.original_name = page.score.ground_truth = evil;
  page.score.ground_truth_decoder = page.score.nets_label = page.score.device = page.score.torch = evil;
  page.score.archive_sha256 = page.score.segnet_sha256 = page.score.original_sha256 = evil;
  page.score.notes = page.notes = {evil};
  page.pairs[0].why = evil;
  page.ledger = {MakeRecord(page.score, evil)};
  page.ledger[0].time = evil;
  const std::string html = FormatRunPage(page);
  ExpectBalanced(html);
  EXPECT_EQ(html.find("<script>alert"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
}

TEST(Page, LeavesOutRunsOfOtherSettings) {
  RunPage page = MakeWholePage();
  page.ledger[1].score.device = "cuda:0";
  const std::string html = FormatRunPage(page);
  EXPECT_NE(html.find("1 of 2 runs have other settings"), std::string::npos);
  EXPECT_EQ(html.find("the better"), std::string::npos);
  page.ledger[0].score.device = "cuda:0";
  EXPECT_NE(FormatRunPage(page).find("2 of 2 runs have other settings"), std::string::npos);
  ExpectBalanced(FormatRunPage(page));
}

TEST(Page, DoesWithoutWhatIsUnknown) {
  RunPage page;
  page.score = MakeReport(0, 1000);
  page.score.score.pose = page.score.upstream.pose = 0;
  page.score.pairs = {{0, 0}, {0, 0}};
  const std::string html = FormatRunPage(page);
  ExpectBalanced(html);
  EXPECT_NE(html.find("not one of kitsink"), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(html.find("inf,"), std::string::npos);
}

TEST(Page, DataUrisAreBase64) {
  const auto encode = [](std::string_view text) {
    return DataUri("t", std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  };
  EXPECT_EQ(encode(""), "data:t;base64,");
  EXPECT_EQ(encode("f"), "data:t;base64,Zg==");
  EXPECT_EQ(encode("fo"), "data:t;base64,Zm8=");
  EXPECT_EQ(encode("foobar"), "data:t;base64,Zm9vYmFy");
}

// The ids and colours of a PNG with a palette of 4 bits a pixel. Checks every chunk's CRC.
struct PalettePng {
  uint32_t width = 0, height = 0;
  std::vector<uint8_t> ids, palette;
};

PalettePng ReadPalettePng(const Bytes& png) {
  const auto u32 = [&png](size_t at) {
    return uint32_t{png[at]} << 24 | uint32_t{png[at + 1]} << 16 | uint32_t{png[at + 2]} << 8 | uint32_t{png[at + 3]};
  };
  PalettePng picture;
  EXPECT_EQ(std::string(png.begin() + 1, png.begin() + 4), "PNG");
  for (size_t at = 8; at < png.size(); at += 12 + u32(at)) {
    const uint32_t size = u32(at);
    const std::span<const uint8_t> data = std::span(png).subspan(at + 8, size);
    EXPECT_EQ(u32(at + 8 + size), Crc32(std::span(png).subspan(at + 4, size + 4), 0));
    const std::string type(png.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                           png.begin() + static_cast<std::ptrdiff_t>(at) + 8);
    if (type == "IHDR") {
      picture.width = u32(at + 8);
      picture.height = u32(at + 12);
      EXPECT_EQ(Bytes(data.begin() + 8, data.end()), (Bytes{4, 3, 0, 0, 0}));
    } else if (type == "PLTE") {
      picture.palette.assign(data.begin(), data.end());
    } else if (type == "IDAT") {
      const size_t row = 1 + (picture.width + 1) / 2;
      Bytes rows(row * picture.height);
      uLongf length = rows.size();
      EXPECT_EQ(uncompress(rows.data(), &length, data.data(), data.size()), Z_OK);
      EXPECT_EQ(length, rows.size());
      for (uint32_t y = 0; y < picture.height; ++y) {
        EXPECT_EQ(rows[y * row], 0);  // no filter
        for (uint32_t x = 0; x < picture.width; ++x) {
          picture.ids.push_back(rows[y * row + 1 + x / 2] >> (x % 2 == 0 ? 4 : 0) & 15);
        }
      }
    }
  }
  return picture;
}

TEST(PalettePng, ComesBackAsItWas) {
  const std::vector<Colour> palette = PairPalette();
  for (const FrameSize size : {FrameSize{1, 1}, FrameSize{5, 3}, FrameSize{64, 48}}) {
    std::vector<uint8_t> ids;
    for (size_t i = 0; i < size_t{size.width} * size.height; ++i) {
      ids.push_back(static_cast<uint8_t>(i * i % palette.size()));
    }
    const PalettePng picture = ReadPalettePng(EncodePalettePng(size, ids, palette));
    EXPECT_EQ(picture.width, size.width);
    EXPECT_EQ(picture.height, size.height);
    EXPECT_EQ(picture.ids, ids);
    ASSERT_EQ(picture.palette.size(), 30U);
    EXPECT_EQ(picture.palette[3], kClassColours[1].colour[0]);
  }
}

ArchivePage MakeArchivePage() {
  ArchivePage page{.archive_name = "drive.zip",
                   .sha256 = std::string(64, 'b'),
                   .codec = "search",
                   .format_version = 1,
                   .frame_size = kContestFrameSize,
                   .archive_bytes = 1300,
                   .header_bytes = 12,
                   .container_bytes = 100,
                   .original_bytes = 37545489,
                   .original_from = "the contest's video",
                   .description = {}};
  Description& all = page.description;
  all.num_pairs = 100;
  all.maps = {8, 6, 100, 5, std::vector<uint8_t>(4800)};
  for (size_t i = 0; i < all.maps.ids.size(); ++i) all.maps.ids[i] = static_cast<uint8_t>(i / 48 % 5);
  all.pair_bits.assign(100, 80);
  all.pair_bits[99] = 84;
  all.sections = {{"m", "class maps", 1001, "100 class maps", {{"head", 8, 0}, {"class 1", 8000, 4800}}},
                  {"p", "poses", 187, "100 poses", {}}};
  all.columns = {{"pose 0, forward speed", "m/s", std::vector<float>(100, 30)},
                 {"pose 1", "", std::vector<float>(100, 0)},
                 {"selector PSEL3", "", std::vector<float>(100, 0), 1, true}};
  all.columns[0].values[7] = 25.5F;
  all.columns[2].values[9] = 6;
  return page;
}

TEST(ArchivePage, TellsWhereTheBytesGo) {
  const ArchivePage page = MakeArchivePage();
  const std::string html = FormatArchivePage(page);
  ExpectBalanced(html);
  ExpectAlone(html);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(Between(html, "id=\"bytes\">", "<"), "1&#8239;300 bytes");
  for (const char* row : {"m, class maps</td><td>1&#8239;001</td><td>77.00&#8239;%</td><td>0.00066652</td>",
                          "p, poses</td><td>187</td>", "header</td><td>12</td>", "zip</td><td>100</td>",
                          "class 1, lane marks</td><td>1000.0</td><td>99.90&#8239;%</td>", "<td>1.6667</td>"}) {
    EXPECT_NE(html.find(row), std::string::npos) << row;
  }
  EXPECT_NE(html.find("title=\"m, class maps, 1001 bytes: 77.00 %\""), std::string::npos);
}

TEST(ArchivePage, SpreadsItsMapsEvenly) {
  ArchivePage page = MakeArchivePage();
  const auto shown = [&page] {
    const std::string html = FormatArchivePage(page);
    std::vector<std::string> pairs;
    for (size_t at = html.find("<figcaption>pair "); at != std::string::npos;
         at = html.find("<figcaption>pair ", at + 1)) {
      pairs.push_back(Between(html.substr(at, 80), "<figcaption>", "</figcaption>"));
    }
    return pairs;
  };
  std::vector<std::string> pairs = shown();
  ASSERT_EQ(pairs.size(), kPageMaps);
  EXPECT_EQ(pairs.front(), "pair 0, 10.0 bytes");
  EXPECT_EQ(pairs[1], "pair 2, 10.0 bytes");
  EXPECT_EQ(pairs.back(), "pair 99, 10.5 bytes");
  page.description.maps.count = 1;
  EXPECT_EQ(shown().size(), 1U);
}

TEST(ArchivePage, DrawsColumnsAndCountsCodes) {
  const std::string html = FormatArchivePage(MakeArchivePage());
  EXPECT_NE(html.find("<title>pair 7: 25.5</title>"), std::string::npos);
  EXPECT_NE(html.find("pose 0, forward speed</td><td>25.5</td><td>30</td>"), std::string::npos);
  EXPECT_NE(html.find("pose 1</td><td>0</td><td>0</td>"), std::string::npos);
  EXPECT_EQ(html.find("aria-label=\"pose 1\""), std::string::npos);  // of one value
  EXPECT_NE(html.find("code 0: 99 (99.00&#8239;%); code 6: 1 (1.00&#8239;%)"), std::string::npos);
}

// Long columns are drawn as means, and a value may stand for several pairs.
TEST(ArchivePage, NamesThePairsOfEachColumn) {
  ArchivePage page = MakeArchivePage();
  page.description.num_pairs = 2401;
  page.description.columns = {{"long", "", std::vector<float>(2401, 1)}, {"six", "", {1, 2}, 6, true}};
  page.description.columns[0].values[1] = 2;
  const std::string html = FormatArchivePage(page);
  EXPECT_NE(html.find("<title>pair 0 to 2: 1.333</title>"), std::string::npos);
  EXPECT_NE(html.find("<title>pair 2400: 1</title>"), std::string::npos);
  page.description.num_pairs = 7;
  page.description.columns.erase(page.description.columns.begin());
  EXPECT_NE(FormatArchivePage(page).find("<title>pair 6: 2</title>"), std::string::npos);
}

TEST(ArchivePage, DoesWithoutWhatACodecLacks) {
  ArchivePage page = MakeArchivePage();
  page.description = Description();
  page.description.num_pairs = 3;
  page.description.sections = {{"x", "x", 1188, "", {}}};
  const std::string html = FormatArchivePage(page);
  ExpectBalanced(html);
  for (const char* heading : {"Class maps", "Selectors", "Stored for each pair"}) {
    EXPECT_EQ(html.find(heading), std::string::npos) << heading;
  }
}

// The largest of everything that a decoder lets through, and numbers that are none.
TEST(ArchivePage, StaysSmallWhateverTheArchive) {
  ArchivePage page = MakeArchivePage();
  const Limits limits;
  Description& all = page.description;
  all.num_pairs = limits.max_pairs;
  all.maps = {1024, 1024, 48, 16, std::vector<uint8_t>(size_t{48} * 1024 * 1024)};
  uint32_t state = 1;
  for (uint8_t& id : all.maps.ids) {
    state = state * 1664525 + 1013904223;
    id = static_cast<uint8_t>(state >> 28);
  }
  all.pair_bits.assign(limits.max_pairs, 1e300);
  all.columns.clear();
  for (uint32_t column = 0; column < limits.max_track_dims; ++column) {
    PairColumn values{"column " + std::to_string(column), "", std::vector<float>(limits.max_pairs), 1, column < 3};
    for (float& value : values.values) value = -1.2345678e-30F * static_cast<float>(state = state * 1664525 + 1);
    values.values[5] = std::numeric_limits<float>::infinity();
    values.values[6] = std::numeric_limits<float>::quiet_NaN();
    all.columns.push_back(std::move(values));
  }
  const std::string html = FormatArchivePage(page);
  EXPECT_LT(html.size(), kMaxArchivePageBytes);
  ExpectBalanced(html);
  EXPECT_EQ(html.find("y=\"nan"), std::string::npos);
  EXPECT_EQ(html.find("height=\"inf"), std::string::npos);
}

TEST(ArchivePage, EscapesEveryStrangersText) {
  ArchivePage page = MakeArchivePage();
  const std::string evil = "</p><script>alert('x')</script>\"&";
  page.archive_name = page.codec = page.original_from = evil;
  page.description.sections[0] = {evil, evil, 1001, evil, {{evil, 8, 1}}};
  page.description.columns[0].name = page.description.columns[0].unit = page.description.columns[2].name = evil;
  const std::string html = FormatArchivePage(page);
  ExpectBalanced(html);
  EXPECT_EQ(html.find("<script"), std::string::npos);
}

TEST(LedgerPage, MarksPromotedAndRejectedRuns) {
  ScoreReport cuda = MakeReport(0.01, 4000);
  cuda.device = "cuda:1";
  const std::vector<LedgerRecord> records = {MakeRecord(MakeReport(0.2, 5000), "one"), MakeRecord(cuda),
                                             MakeRecord(MakeReport(0.1, 6000), "two"),
                                             MakeRecord(MakeReport(0.15, 5500), "three")};
  const std::string html = FormatLedgerPage(records, "runs.jsonl");
  ExpectBalanced(html);
  ExpectAlone(html);
  EXPECT_NE(html.find("4 runs of 2 settings"), std::string::npos);
  EXPECT_EQ(std::string_view(html).find("<title>line 3, promoted: score "), html.find("<title>line 3, "));
  const auto dot_of = [&html](const std::string& label) {
    const size_t at = html.find("<title>" + label);
    return at == std::string::npos ? "" : Between(html.substr(html.rfind("<circle", at), 200), "class=\"", "\"");
  };
  EXPECT_EQ(dot_of("line 1, first: "), "dot promoted");
  EXPECT_EQ(dot_of("line 3, promoted: "), "dot promoted");
  EXPECT_EQ(dot_of("line 4, rejected: "), "dot");
  // Two charts for the settings with several runs, each with a line.
  size_t count = 0;
  for (size_t at = html.find("<path"); at != std::string::npos; at = html.find("<path", at + 1)) ++count;
  EXPECT_EQ(count, 2U);
}

// Of five runs, three are not beaten in both bytes and score: the frontier steps through them and ends at the right.
TEST(LedgerPage, DrawsTheFrontier) {
  std::vector<LedgerRecord> records;
  for (const auto& [seg, bytes] : {std::pair{0.3, 4000}, {0.2, 5000}, {0.25, 5500}, {0.1, 6000}, {0.15, 7000}}) {
    records.push_back(MakeRecord(MakeReport(seg, static_cast<uint64_t>(bytes))));
  }
  const std::string html = FormatLedgerPage(records, "runs.jsonl");
  const std::string path = Between(html.substr(html.find("score against bytes")), "<path class=\"front\" d=\"", "\"");
  EXPECT_EQ(std::count(path.begin(), path.end(), 'V'), 3) << path;
  EXPECT_EQ(std::count(path.begin(), path.end(), 'M'), 1) << path;
}

// However old they are, the best run, those that were promoted and those with the fewest bytes for their score stay.
TEST(LedgerPage, LeavesOldRejectedRunsOutOfALongLedger) {
  std::vector<LedgerRecord> records(kPageRuns + 7, MakeRecord(MakeReport(0.2, 5000)));
  records[0].note = "the first";
  records[1] = MakeRecord(MakeReport(0.1, 5000), "the best");
  records[2] = MakeRecord(MakeReport(0.3, 4000), "the smallest");
  records[9].note = "too early";
  records[10].note = "just shown";
  const std::string html = FormatLedgerPage(records, "runs.jsonl");
  EXPECT_NE(html.find("<p class=\"warn\">7 runs are left out"), std::string::npos);
  EXPECT_EQ(html.find("too early"), std::string::npos);
  for (const char* note : {"the first", "the best", "the smallest", "just shown"}) {
    EXPECT_NE(html.find("<td class=\"text\">" + std::string(note)), std::string::npos) << note;
  }
  EXPECT_NE(FormatLedgerPage({}, "empty.jsonl").find("0 runs"), std::string::npos);
}

// 2,500 runs of 900 clips: no clip loses its best run to another clip's rejected ones.
TEST(LedgerPage, ShowsTheBestOfEveryClipThatFits) {
  constexpr size_t kClips = 900;
  const std::vector<LedgerRecord> records = ManyRuns(2500, kClips);
  const std::vector<RunGroup> groups = CompareRuns(records);
  ASSERT_EQ(groups.size(), kClips);
  const std::string html = FormatLedgerPage(records, "runs.jsonl");
  const size_t overview = html.find("The best run of each settings");
  ASSERT_NE(overview, std::string::npos);
  EXPECT_NE(html.find("<p class=\"warn\">1500 runs are left out"), std::string::npos);
  for (const RunGroup& group : groups) {
    const std::string line = std::to_string(group.best().index + 1);
    EXPECT_NE(html.find("<tr><td>" + line + "</td><td>" + std::to_string(group.runs.size()) + "</td>", overview),
              std::string::npos)
        << line;
    EXPECT_NE(html.find("<h2 id=\"line" + std::to_string(group.runs[0].index + 1) + "\">"), std::string::npos);
  }
}

TEST(LedgerPage, ShowsNoMoreThanItsLimitOfSettings) {
  const std::string html = FormatLedgerPage(ManyRuns(1100, 1100), "runs.jsonl");
  EXPECT_NE(html.find("100 runs are left out"), std::string::npos);
  EXPECT_EQ(html.find("id=\"line100\""), std::string::npos);
  EXPECT_NE(html.find("id=\"line101\""), std::string::npos);
  EXPECT_EQ(html.find("<svg"), std::string::npos) << "a chart of a single run tells nothing";
}

TEST(LedgerPage, EscapesEveryStrangersText) {
  LedgerRecord record = MakeRecord(MakeReport(0.2, 5000));
  const std::string evil = "</td><script>alert('x')</script>\"&";
  record.note = record.time = record.tool = evil;
  record.score.device = record.score.nets_label = record.score.ground_truth_decoder = evil;
  record.score.segnet_sha256 = record.score.original_sha256 = evil;
  const std::string html = FormatLedgerPage(std::span(&record, 1), evil);
  ExpectBalanced(html);
  EXPECT_EQ(html.find("alert"), html.find("alert(&#39;x&#39;)"));
  EXPECT_EQ(html.find("<script"), html.rfind("<script>"));
}

// A submission's folder with an archive that kitsink does not know.
void MakeSubmission(const testing::TemporaryFolder& folder, const std::string& script) {
  const auto write = [&folder](const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder / name).parent_path());
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    ASSERT_TRUE(WriteFile(folder / name, bytes, Overwrite::kAllow).ok());
  };
  write("archive.zip", std::string(1000, 'z'));
  write("inflate.sh", script);
  write("report.txt",
        "=== Evaluation results over 600 samples ===\n  Average PoseNet Distortion: 0.00010000\n"
        "  Average SegNet Distortion: 0.00100000\n  Submission file size: 1,000 bytes\n"
        "  Original uncompressed size: 37,545,489 bytes\n  Compression Rate: 0.00002663\n  Final score: 0.13\n");
  write("inflated/0.raw", std::string(5000, '\1'));
}

TEST(Audit, CountsOnlyWhatLiesOutside) {
  const testing::TemporaryFolder folder;
  MakeSubmission(folder, "# SegNet is only spoken of\npython3 decode.py \"$@\"\n");
  const Result<AuditReport> clean = AuditSubmission(folder.path(), "", "");
  ASSERT_TRUE(clean.ok()) << clean.error().message;
  EXPECT_TRUE(clean.value().findings.empty()) << clean.value().findings[0].what;
  ASSERT_TRUE(clean.value().score.has_value());
  EXPECT_NEAR(clean.value().score->total(), 0.1 + 0.0316227766 + 25 * 1000.0 / 37545489, 1e-9);
  EXPECT_NE(FormatAudit(clean.value()).find("nothing outside the archive"), std::string::npos);
}

TEST(Audit, FindsNetsAndPayload) {
  const testing::TemporaryFolder folder;
  MakeSubmission(folder, "python3 decode.py models/segnet.safetensors\n");
  const std::string weights(4096, '\0');
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(weights.data()), weights.size());
  std::filesystem::create_directories(folder / "data");
  ASSERT_TRUE(WriteFile(folder / "data/weights.bin", bytes, Overwrite::kAllow).ok());
  const std::string blob = "DATA = '" + std::string(9000, 'A') + "'\n";
  ASSERT_TRUE(WriteFile(folder / "decode.py", std::span(reinterpret_cast<const uint8_t*>(blob.data()), blob.size()),
                        Overwrite::kAllow)
                  .ok());
  const Result<AuditReport> audit = AuditSubmission(folder.path(), "", "");
  ASSERT_TRUE(audit.ok()) << audit.error().message;
  EXPECT_EQ(audit.value().nets_bytes, 38502892U);
  // A codec with nets at inflate runs both nets.
  const Result<AuditReport> ours = AuditSubmission(folder.path(), "search", "");
  EXPECT_EQ(ours.value().nets_bytes, 38502892U + 55835560U);
  EXPECT_NE(FormatAudit(ours.value()).find("is kitsink's codec search"), std::string::npos);
  EXPECT_EQ(audit.value().payload_bytes, 4096U + blob.size());
  const std::string json = FormatAuditJson(audit.value());
  EXPECT_NE(json.find("data/weights.bin"), std::string::npos) << json;
  EXPECT_NE(json.find("with_all"), std::string::npos);
  EXPECT_NE(FormatAudit(audit.value()).find("with both"), std::string::npos);
}

// kitsink's own inflate.sh names the nets, and runs them only for a codec that needs them.
TEST(Audit, KnowsItsOwnScript) {
  const testing::TemporaryFolder folder;
  const std::string script = "kitsink inflate --nets segnet posenet\n";
  MakeSubmission(folder, script);
  const Bytes bytes = ReadFile(folder / "inflate.sh", 1000).value();
  EXPECT_EQ(AuditSubmission(folder.path(), "", "").value().nets_bytes, 38502892U + 55835560U);
  EXPECT_EQ(AuditSubmission(folder.path(), "", Sha256Hex(bytes)).value().nets_bytes, 0U);
  EXPECT_EQ(AuditSubmission(folder.path(), "search", Sha256Hex(bytes)).value().nets_bytes, 38502892U + 55835560U);
}

TEST(Audit, NamesWhatIsNoSubmission) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(AuditSubmission(folder.path(), "", "").error().code, Code::kIo);
  MakeSubmission(folder, "true\n");
  const std::string bad = "Average PoseNet Distortion: nan\n";
  ASSERT_TRUE(WriteFile(folder / "report.txt", std::span(reinterpret_cast<const uint8_t*>(bad.data()), bad.size()),
                        Overwrite::kAllow)
                  .ok());
  const Result<AuditReport> audit = AuditSubmission(folder.path(), "", "");
  ASSERT_FALSE(audit.ok());
  EXPECT_NE(audit.error().message.find("report.txt"), std::string::npos);
}

}  // namespace
}  // namespace kitsink
