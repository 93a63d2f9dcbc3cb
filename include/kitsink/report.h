#pragma once
// Reports made from scores: the ledger of runs, the comparison of runs, the page about one run, and the audit of a
// submission.

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

// One line of a ledger: a score without its pairs, the time, the tool and the user's note.
struct LedgerRecord {
  std::string time;  // "2026-11-21T15:04:05Z"
  std::string tool;  // "kitsink 0.2.0"
  std::string note;
  ScoreReport score;
};

// A ledger is a text file with one JSON object a line. Lines are only appended.
std::string FormatLedgerRecord(const LedgerRecord& record);
// Errors start with "NAME:LINE: ". kCorrupt for a malformed line, kLimit for a line or a file that is too large.
Result<std::vector<LedgerRecord>> ParseLedger(std::string_view text, const std::string& name);
Result<std::vector<LedgerRecord>> LoadLedger(const std::filesystem::path& path);
// Appends a record of `score` with the current time, whole or not at all.
Status AppendToLedger(const std::filesystem::path& path, const ScoreReport& score, const std::string& note);

// Everything that two comparable scores must share, one fact a line: nets, device, clip, pairs, decoder ...
std::string SettingsOf(const ScoreReport& score);

enum class Verdict { kFirst, kPromoted, kRejected };

// A run compared with the best earlier run of the same settings.
struct ComparedRun {
  size_t index = 0;  // of the record
  Verdict verdict = Verdict::kFirst;
  size_t best = 0;      // the record compared with; its own index for the first
  double delta = 0;     // difference of the scores, archive alone; negative is better
  std::string changes;  // options that differ from those of `best`: "inflate.steps 300 -> 600"
};

struct RunGroup {
  std::string settings;
  std::vector<ComparedRun> runs;
};

// Groups runs by settings, in the order of the ledger. Runs of different groups are never compared.
std::vector<RunGroup> CompareRuns(std::span<const LedgerRecord> records);

std::string FormatLedger(std::span<const LedgerRecord> records);
std::string FormatLedgerJson(std::span<const LedgerRecord> records);
// One line about the last record: its verdict, the record it was compared with, and how many it was not.
std::string FormatVerdict(std::span<const LedgerRecord> records);

// "data:image/png;base64,..."
std::string DataUri(std::string_view type, std::span<const uint8_t> bytes);

// Names of the classes of the contest's SegNet, and the colours that the page gives them; by id.
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
  double share = 0;       // what the pair adds to the score: to the seg term and, to first order, to the pose term
  std::string original;   // f1
  std::string class_map;  // of the original's f1; white where the class in the inflated f1 differs
  std::string f0, f1;     // inflated
};

// Everything that the page about one run shows.
struct Page {
  ScoreReport score;
  std::vector<SectionUse> sections;   // of the archive, with header and container; empty for an unknown archive
  std::vector<PagePair> worst, best;  // worst first, best first
  std::vector<PairDistortion> before,
      after;                          // the search, pair by pair, against the archive's targets; empty = unknown
  std::vector<MeanDistortion> curve;  // the same as means over the pairs after 0, 1 .. steps; empty = unknown
  std::vector<LedgerRecord> ledger;
};

// One HTML file without scripts or links to other files.
std::string FormatPage(const Page& page);

// Kinds of files that a submission keeps outside its archive.
enum class AuditKind { kNets, kPayload, kNote };

struct AuditFinding {
  AuditKind kind = AuditKind::kNote;
  std::string path, what;
  uint64_t bytes = 0;  // size of the file; 0 where it does not matter
};

struct AuditReport {
  uint64_t archive_bytes = 0;
  uint64_t nets_bytes = 0;     // of the contest's nets that inflating runs
  uint64_t payload_bytes = 0;  // of files that are neither text nor a program
  std::optional<Score> score;  // archive alone, from report.txt; absent without this file
  std::vector<AuditFinding> findings;
};

// Checks every file of a submission's folder except the archive and the output of an evaluation. It cannot tell what a
// program does. `nets_codec` is the name of the archive's codec if that codec runs the nets at inflate, else empty.
// `own_script_sha256` is that of kitsink's inflate.sh, which names the nets but runs them only for such a codec.
Result<AuditReport> AuditSubmission(const std::filesystem::path& folder, const std::string& nets_codec,
                                    const std::string& own_script_sha256);
std::string FormatAudit(const AuditReport& report);
std::string FormatAuditJson(const AuditReport& report);

}  // namespace kitsink
