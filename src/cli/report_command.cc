// Runs `kitsink report`: scores frames and writes a page about the run.

#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/engine.h"
#include "kitsink/report.h"

namespace kitsink {
namespace {

struct State {
  ScoreOptions options;
  JobOptions job;
  OutputOptions output;
  std::filesystem::path page, ledger;
  size_t num_shown = 3;
};

int Run(State& state) {
  Progress& progress = StartOutput(state.output);
  std::vector<std::filesystem::path> inputs = InputsOf(state.options);
  inputs.push_back(state.ledger);
  if (const Status status = CheckWritable(state.page, state.job.overwrite, inputs); !status.ok()) {
    return Fail("report", status.error());
  }
  std::vector<LedgerRecord> ledger;
  if (!state.ledger.empty()) {
    Result<std::vector<LedgerRecord>> records = LoadLedger(state.ledger);
    if (!records.ok()) return Fail("report", records.error());
    ledger = records.TakeValue();
  }
  const Result<const Engine*> engine = OpenEngine(state.job);
  if (!engine.ok()) return Fail("report", engine.error());
  Result<Page> page = engine.value()->make_page(state.options, state.num_shown, state.job, progress);
  if (!page.ok()) return Fail("report", page.error());
  page.value().ledger = std::move(ledger);
  const std::string html = FormatPage(page.value());
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(html.data()), html.size());
  const Status status = WriteFile(state.page, bytes, state.job.overwrite);
  if (!status.ok()) return Fail("report", status.error());
  if (state.output.json) {
    std::fputs(FormatScoreJson(page.value().score).c_str(), stdout);
  } else if (!state.output.quiet) {
    std::printf("%s: %zu bytes, score %.8f over %llu pairs\n", state.page.c_str(), html.size(),
                page.value().score.score.total(), static_cast<unsigned long long>(page.value().score.num_pairs));
  }
  return kExitDone;
}

}  // namespace

void AddReport(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("report", "Score inflated frames and show the result as one offline HTML page");
  const auto state = std::make_shared<State>();
  AddScoreOptions(*verb, state->options);
  verb->add_option("-o,--output", state->page, "The page, one HTML file that needs no other")
      ->required()
      ->type_name("FILE");
  verb->add_option("--show", state->num_shown, "Pairs with pictures, of the worst and of the best")
      ->check(CLI::Range(0, 50))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--ledger", state->ledger, "Also show the runs of this ledger that have the same settings")
      ->type_name("FILE");
  AddForceOption(*verb, state->job);
  AddJobOptions(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink report out/ -o report.html\n"
      "  kitsink report out/ --original drive.mkv -o report.html --ledger runs.jsonl --json >score.json\n"
      "The page has the terms of the score, the archive's parts, seg and pose of every pair, what the search did, and\n"
      "the worst and best pairs in pictures. --json prints what score --json prints.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
