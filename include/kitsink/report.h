#pragma once
// What is made of scores: the ledger of runs and how they compare, the page about one run, the audit of a submission.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/result.h"
#include "kitsink/score.h"

namespace kitsink {

// One line of a ledger: a score, without its pairs, and when and why it was taken.
struct LedgerRecord {
  std::string time;  // "2026-11-21T15:04:05Z"
  std::string tool;  // "kitsink 0.1.0"
  std::string note;
  ScoreReport score;
};

// A ledger is text, one JSON object a line, and only grows.
std::string FormatLedgerRecord(const LedgerRecord& record);
// kCorrupt says "NAME:LINE: what is wrong"; kLimit for a line or a file beyond reason.
Result<std::vector<LedgerRecord>> ParseLedger(std::string_view text, const std::string& name);
Result<std::vector<LedgerRecord>> LoadLedger(const std::filesystem::path& path);
// Adds a record of `score` as of now; all of it or nothing.
Status AppendToLedger(const std::filesystem::path& path, const ScoreReport& score, const std::string& note);

// Everything that two scores must share to be compared, a line each: nets, device, clip, pairs, decoder ...
std::string SettingsOf(const ScoreReport& score);

enum class Verdict { kFirst, kPromoted, kRejected };

// A run against the best earlier one of its settings.
struct ComparedRun {
  size_t index = 0;  // of the record
  Verdict verdict = Verdict::kFirst;
  size_t best = 0;      // the record compared with; its own index for the first
  double delta = 0;     // of the score, archive alone; negative is better
  std::string changes;  // "inflate.steps 300 -> 600": what the options say differs from `best`
};

struct RunGroup {
  std::string settings;
  std::vector<ComparedRun> runs;
};

// Runs of equal settings together, in the order of the ledger. Runs of different groups are never compared.
std::vector<RunGroup> CompareRuns(std::span<const LedgerRecord> records);

std::string FormatLedger(std::span<const LedgerRecord> records);
std::string FormatLedgerJson(std::span<const LedgerRecord> records);
// One line about the last record: promoted or rejected against what, and what it is not compared with.
std::string FormatVerdict(std::span<const LedgerRecord> records);

// "data:image/png;base64,..."
std::string DataUri(std::string_view type, std::span<const uint8_t> bytes);

// How the page draws a class map, and what the classes of the contest's SegNet are, by id.
struct ClassColour {
  const char* name;
  uint8_t rgb[3];
};
inline constexpr ClassColour kClassColours[kNumClasses] = {{"road", {70, 76, 90}},
                                                           {"lane marks", {240, 180, 60}},
                                                           {"undrivable", {96, 132, 92}},
                                                           {"movable", {196, 72, 76}},
                                                           {"own car", {90, 120, 190}}};

// One pair as the page shows it; pictures are data URIs.
struct PagePair {
  uint64_t index = 0;     // of the clip
  double share = 0;       // of the score: what the pair adds to the seg term and, to first order, to the pose term
  std::string original;   // f1
  std::string class_map;  // of the original's f1; cells that the nets read otherwise in the inflated f1 are white
  std::string f0, f1;     // inflated
};

// All that the page about one run shows.
struct Page {
  ScoreReport score;
  std::vector<SectionUse> sections;   // of the archive, header and container too; empty when it is not ours
  std::vector<PagePair> worst, best;  // worst first, best first
  std::vector<PairDistortion> before,
      after;                          // the search, pair by pair, against the archive's targets; empty = unknown
  std::vector<MeanDistortion> curve;  // the same as means over the pairs after 0, 1 .. steps; empty = unknown
  std::vector<LedgerRecord> ledger;
};

// One HTML file that needs nothing else: no network, no script.
std::string FormatPage(const Page& page);

// What of a submission lies outside its archive.
enum class AuditKind { kNets, kPayload, kNote };

struct AuditFinding {
  AuditKind kind = AuditKind::kNote;
  std::string path, what;
  uint64_t bytes = 0;  // of the file; 0 where the finding is no file's size
};

struct AuditReport {
  uint64_t archive_bytes = 0;
  uint64_t nets_bytes = 0;     // the contest's SegNet and PoseNet, as far as inflating runs them
  uint64_t payload_bytes = 0;  // files that are neither text nor program
  std::optional<Score> score;  // archive alone, from report.txt's figures; absent without one
  std::vector<AuditFinding> findings;
};

// Looks at every file of a submission's folder but the archive and what evaluating it makes. It sees what a reader of
// the folder would, and proves nothing about a program. `nets_codec` is the name of the archive's codec where that runs
// the nets at inflate, else empty.
Result<AuditReport> AuditSubmission(const std::filesystem::path& folder, const std::string& nets_codec);
std::string FormatAudit(const AuditReport& report);
std::string FormatAuditJson(const AuditReport& report);

}  // namespace kitsink
