// Ledgers, the page about a run, and audits: formats, comparisons, rejection.

#include "kitsink/report.h"

#include <algorithm>

#include "format_testlib.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"

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

// Every tag is closed in order, and "<" occurs only in tags.
void ExpectBalanced(const std::string& html) {
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

Page MakeWholePage() {
  Page page;
  page.score = MakeReport(0.125, 177857);
  page.score.score.pose = 0.2;
  page.sections = {{"m", "class maps", 120000, "", {}}, {"w", "generator", 50000, "", {}}, {"p", "poses", 7700, "", {}},
                   {"r", "selectors", 45, "", {}},      {"header", "header", 12, "", {}},  {"zip", "zip", 100, "", {}}};
  const std::string picture = DataUri("image/png", Bytes{1, 2, 3, 4});
  page.worst = {{.index = 0, .share = 1, .original = picture, .class_map = picture, .f0 = picture, .f1 = picture}};
  page.best = {{.index = 1, .share = 0.5, .original = picture, .class_map = picture, .f0 = picture, .f1 = picture}};
  page.before = {{0.5F, 0.5F}, {0.5F, 0.5F}};
  page.after = page.score.pairs;
  page.curve = {{0.5, 0.4}, {0.25, 0.1}, {0.125, 0.2}};
  page.ledger = {MakeRecord(MakeReport(0.2, 5000), "first"), MakeRecord(MakeReport(0.1, 6000), "the better")};
  return page;
}

TEST(Page, NeedsNothingElseAndIsBalanced) {
  const std::string html = FormatPage(MakeWholePage());
  ExpectBalanced(html);
  for (const char* foreign : {"http:", "https:", "//cdn", "<script", "<link", "url(", "@import", "onload"}) {
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
  }
  for (size_t at = html.find("src="); at != std::string::npos; at = html.find("src=", at + 1)) {
    EXPECT_EQ(html.compare(at, 10, "src=\"data:"), 0) << html.substr(at, 40);
  }
  for (const char* section :
       {"Terms", "Archive", "Pairs", "Search", "Worst pairs", "Best pairs", "Ledger", "What was measured"}) {
    EXPECT_NE(html.find("<h2>" + std::string(section) + "</h2>"), std::string::npos) << section;
  }
}

TEST(Page, FiguresAreThoseOfTheScore) {
  const Page page = MakeWholePage();
  const std::string html = FormatPage(page);
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
  Page page = MakeWholePage();
  const std::string html = FormatPage(page);
  EXPECT_NE(html.find("<title>step 1: 25</title>"), std::string::npos);  // 100 * seg
  EXPECT_NE(html.find("<title>step 0: 2</title>"), std::string::npos);   // sqrt(10 * pose)
  EXPECT_NE(html.find("at last 12.500000"), std::string::npos);
  EXPECT_NE(html.find("<span>step 2</span>"), std::string::npos);
  page.curve.resize(1);  // rendered only
  EXPECT_EQ(FormatPage(page).find("step 0"), std::string::npos);
}

TEST(Page, NamesTheColoursOfTheClassMapsItShows) {
  const Page page = MakeWholePage();
  const std::string html = FormatPage(page);
  for (const ClassColour& colour : kClassColours) {
    EXPECT_NE(html.find(std::string("</span>") + colour.name + "</span>"), std::string::npos) << colour.name;
  }
  EXPECT_NE(html.find("background:rgb(240,180,60)\"></span>lane marks<"), std::string::npos);
  Page bare = page;
  bare.worst.clear();
  bare.best.clear();
  EXPECT_EQ(FormatPage(bare).find("id=\"legend\""), std::string::npos);
}

TEST(Page, EscapesEveryStrangersText) {
  Page page = MakeWholePage();
  const std::string evil = "</pre><script>alert('x')</script>\"&";
  page.score.archive_name = page.score.inflated_name = page.score.original_name = page.score.ground_truth = evil;
  page.score.ground_truth_decoder = page.score.nets_label = page.score.device = page.score.torch = evil;
  page.score.archive_sha256 = page.score.segnet_sha256 = page.score.original_sha256 = evil;
  page.score.notes = {evil};
  page.ledger = {MakeRecord(page.score, evil)};
  page.ledger[0].time = evil;
  const std::string html = FormatPage(page);
  ExpectBalanced(html);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
}

TEST(Page, LeavesOutRunsOfOtherSettings) {
  Page page = MakeWholePage();
  page.ledger[1].score.device = "cuda:0";
  const std::string html = FormatPage(page);
  EXPECT_NE(html.find("1 of 2 runs have other settings"), std::string::npos);
  EXPECT_EQ(html.find("the better"), std::string::npos);
  page.ledger[0].score.device = "cuda:0";
  EXPECT_NE(FormatPage(page).find("2 of 2 runs have other settings"), std::string::npos);
  ExpectBalanced(FormatPage(page));
}

TEST(Page, DoesWithoutWhatIsUnknown) {
  Page page;
  page.score = MakeReport(0, 1000);
  page.score.score.pose = page.score.upstream.pose = 0;
  page.score.pairs = {{0, 0}, {0, 0}};
  const std::string html = FormatPage(page);
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
