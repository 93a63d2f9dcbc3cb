#pragma once
// The comparable runs of a ledger as two charts and a table, for the pages about a run and about a ledger.

#include <span>
#include <string>

#include "kitsink/report.h"

namespace kitsink {

// Score over runs, with the best so far as a line; bytes against score, with the frontier of runs that no other run
// beats in both; and a table. `now`, a score and its archive, is highlighted.
std::string DrawRuns(std::span<const ComparedRun> runs, std::span<const LedgerRecord> records, const ScoreReport* now);

}  // namespace kitsink
