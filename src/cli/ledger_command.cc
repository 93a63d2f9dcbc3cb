// Runs `kitsink ledger`: compares the runs in a ledger.

#include <cstdio>
#include <memory>
#include <span>

#include "cli/command.h"
#include "kitsink/page.h"

namespace kitsink {
namespace {

struct State {
  std::filesystem::path ledger, page;
  bool best_only = false;
  JobOptions job;
  OutputOptions output;
};

int Run(const State& state) {
  StartOutput(state.output);
  if (!state.page.empty()) {
    const Status status = CheckWritable(state.page, state.job.overwrite, std::span(&state.ledger, 1));
    if (!status.ok()) return Fail("ledger", status.error());
  }
  const Result<std::vector<LedgerRecord>> records = LoadLedger(state.ledger);
  if (!records.ok()) return Fail("ledger", records.error());
  if (!state.page.empty()) {
    const std::string html = FormatLedgerPage(records.value(), state.ledger.string());
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(html.data()), html.size());
    const Status status = WriteFile(state.page, bytes, state.job.overwrite);
    if (!status.ok()) return Fail("ledger", status.error());
  }
  const std::string text = state.output.json ? FormatLedgerJson(records.value(), state.best_only)
                           : state.best_only ? FormatBestRuns(records.value())
                                             : FormatLedger(records.value());
  std::fputs(text.c_str(), stdout);
  return kExitDone;
}

}  // namespace

void AddLedger(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("ledger", "Compare the runs that score --ledger kept");
  const auto state = std::make_shared<State>();
  verb->add_option("LEDGER", state->ledger, "The file that score --ledger appends to")->required()->type_name("FILE");
  verb->add_option("-o,--output", state->page,
                   "Also write a page, one HTML file: score over runs, bytes against score, and all runs")
      ->type_name("FILE");
  verb->add_flag("--best", state->best_only, "Print the best run of each settings only, one row for each");
  AddForceOption(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink score out/ --original drive.mkv --ledger runs.jsonl --note \"600 steps\"\n"
      "  kitsink ledger runs.jsonl\n"
      "  kitsink ledger runs.jsonl --best\n"
      "  kitsink ledger runs.jsonl -o ledger.html\n"
      "A run is promoted when it beats the best earlier run of its settings (nets, device, library, clip, pairs,\n"
      "decoder), else rejected. Runs of different settings stand under different headings and are never compared.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

Status CheckLedger(const LedgerOptions& ledger) {
  std::error_code error;
  if (ledger.path.empty() || !std::filesystem::exists(ledger.path, error)) return Ok();
  const Result<std::vector<LedgerRecord>> records = LoadLedger(ledger.path);
  return records.ok() ? Ok() : Status(records.error());
}

Status KeepInLedger(const LedgerOptions& ledger, const ScoreReport& score, const OutputOptions& output) {
  if (ledger.path.empty()) return Ok();
  KIT_TRY(AppendToLedger(ledger.path, score, ledger.note));
  KIT_ASSIGN(const std::vector<LedgerRecord> records, LoadLedger(ledger.path));
  if (!output.quiet) std::fprintf(stderr, "%s: %s", ledger.path.c_str(), FormatVerdict(records).c_str());
  return Ok();
}

void AddLedgerOptions(CLI::App& verb, LedgerOptions& ledger, const std::string& what) {
  verb.add_option("--ledger", ledger.path, "Also append " + what + " to FILE, one JSON object a line (kitsink ledger)")
      ->type_name("FILE");
  verb.add_option("--note", ledger.note, "What to remember with it in the ledger")->type_name("TEXT");
}

}  // namespace kitsink
