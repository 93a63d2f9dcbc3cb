#pragma once
// The comparable runs of a ledger as two charts and a table, for the pages about a run and about a ledger.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kitsink/report.h"

namespace kitsink {

// Keeps at most `most` runs of all groups, and the groups that still have any: first the best of each group; then what
// was promoted, came first in its group, or has fewer bytes than all that score as well; then the others. The latest go
// before earlier ones. Returns how many runs it left out.
size_t SelectRuns(std::vector<RunGroup>& groups, std::span<const LedgerRecord> records, size_t most);

// Score over lines of the ledger, with the best so far as a line; bytes against score, with the frontier of runs that
// no other run beats in both; and a table. A single run has no charts. `now`, a score and its archive, is highlighted.
std::string DrawRuns(std::span<const ComparedRun> runs, std::span<const LedgerRecord> records, const ScoreReport* now);

}  // namespace kitsink
