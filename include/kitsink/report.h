#pragma once
// Reports made from scores: the ledger of runs, the comparison of runs, and the audit of a submission. page.h has the
// pages.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// The scores that compress took of tries and stages on its way, as its manifest tells them. Their "made" names the try
// or stage as an option. kCorrupt for another JSON text.
Result<std::vector<ScoreReport>> ScoresOfCompress(std::string_view manifest, bool nets_at_inflate);

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
  std::vector<ComparedRun> runs;  // not empty
  const ComparedRun& best() const;
};

// The settings in short, as the heading of a group. It may hold untrusted text, but no control characters.
std::string HeadingOf(const ScoreReport& score);

// Groups runs by settings, in the order of the ledger. Runs of different groups are never compared.
std::vector<RunGroup> CompareRuns(std::span<const LedgerRecord> records);

std::string FormatLedger(std::span<const LedgerRecord> records);
// One row for each group: how many runs it has, its best one, and how much better this is than the first.
std::string FormatBestRuns(std::span<const LedgerRecord> records);
// With `best_only` each group has one run. "num_runs" counts all that it has.
std::string FormatLedgerJson(std::span<const LedgerRecord> records, bool best_only);
// One line about the last record: its verdict, the record it was compared with, and how many it was not.
std::string FormatVerdict(std::span<const LedgerRecord> records);

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
