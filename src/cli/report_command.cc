// Runs `kitsink report`: scores frames and writes a page about the run.

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/engine.h"
#include "kitsink/report.h"

namespace kitsink {
namespace {

struct State {
  const CLI::App* verb = nullptr;
  ScoreOptions options;
  PageOptions shown;
  JobOptions job;
  OutputOptions output;
  std::filesystem::path page, ledger;
};

Status Write(const State& state, const std::string& html) {
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(html.data()), html.size());
  return WriteFile(state.page, bytes, state.job.overwrite);
}

// A zip, and not frames that happen to begin like one.
bool IsArchive(const std::filesystem::path& path) {
  if (path.extension() == ".raw") return false;
  const Result<Bytes> begin = ReadBegin(path, 4);
  return begin.ok() && begin.value() == Bytes{'P', 'K', 3, 4};
}

// Refuses the options that only frames have a use for.
Status CheckArchiveOptions(const State& state) {
  for (const CLI::Option* option : state.verb->get_options()) {
    const std::string name = option->get_name();
    if (option->count() == 0 || option->get_positional() || name == "--output" || name == "--original" ||
        name == "--force" || name == "--threads" || name == "--quiet" || name == "--verbose" || name == "--json") {
      continue;
    }
    return Error{Code::kInvalidArgument, state.options.inflated.string() + ": is an archive, whose page takes no " +
                                             name + "; for a page about a run, name its frames"};
  }
  return Ok();
}

Status ReportArchive(const State& state, Progress& progress) {
  const std::filesystem::path& archive = state.options.inflated;
  KIT_TRY(CheckArchiveOptions(state));
  KIT_ASSIGN(const ArchivePage page, MakeArchivePage(archive, state.options.original, state.job, progress));
  const std::string html = FormatArchivePage(page);
  KIT_TRY(Write(state, html));
  if (state.output.json) {
    PrintJson(nlohmann::ordered_json{{"page_bytes", html.size()},
                                     {"archive_bytes", page.archive_bytes},
                                     {"archive_sha256", page.sha256},
                                     {"codec", page.codec},
                                     {"num_pairs", page.description.num_pairs}});
  } else if (!state.output.quiet) {
    std::printf("%s: %zu bytes, about an archive of %llu bytes and %llu pairs\n", state.page.c_str(), html.size(),
                static_cast<unsigned long long>(page.archive_bytes),
                static_cast<unsigned long long>(page.description.num_pairs));
  }
  return Ok();
}

Status ReportRun(State& state, Progress& progress) {
  std::vector<LedgerRecord> ledger;
  if (!state.ledger.empty()) {
    KIT_ASSIGN(ledger, LoadLedger(state.ledger));
  }
  KIT_ASSIGN(const Engine* const engine, OpenEngine(state.job));
  KIT_ASSIGN(RunPage page, engine->make_run_page(state.options, state.shown, state.job, progress));
  page.ledger = std::move(ledger);
  const std::string html = FormatRunPage(page);
  KIT_TRY(Write(state, html));
  if (state.output.json) {
    std::fputs(FormatScoreJson(page.score).c_str(), stdout);
  } else if (!state.output.quiet) {
    std::printf("%s: %zu bytes, score %.8f over %llu pairs\n", state.page.c_str(), html.size(),
                page.score.score.total(), static_cast<unsigned long long>(page.score.num_pairs));
  }
  return Ok();
}

int Run(State& state) {
  Progress& progress = StartOutput(state.output);
  std::vector<std::filesystem::path> inputs = InputsOf(state.options);
  inputs.push_back(state.ledger);
  Status status = CheckWritable(state.page, state.job.overwrite, inputs);
  if (status.ok()) {
    status = IsArchive(state.options.inflated) ? ReportArchive(state, progress) : ReportRun(state, progress);
  }
  return status.ok() ? kExitDone : Fail("report", status.error());
}

}  // namespace

void AddReport(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("report", "Show a score, or an archive, as one offline HTML page");
  const auto state = std::make_shared<State>();
  state->verb = verb;
  state->job.codecs = FormatCodecs();
  AddScoreOptions(*verb, state->options);
  verb->get_option("INFLATED")
      ->description(
          "An archive (.zip); or frames as for score: a .raw file, a folder with exactly one, or a submission's "
          "folder");
  verb->add_option("-o,--output", state->page, "The page, one HTML file that needs no other")
      ->required()
      ->type_name("FILE");
  verb->add_option("--show", state->shown.num_shown, "Pairs with pictures, of the worst and of the best")
      ->check(CLI::Range(0, 50))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--show-pairs", state->shown.pairs, "Also these pairs, as numbers in the clip: 0,85,300")
      ->delimiter(',')
      ->expected(1, 100)
      ->allow_extra_args(false)
      ->type_name("N,N..");
  verb->add_option("--picture-width", state->shown.picture_width,
                   "Largest width of a frame on the page, pixels; a page's pictures take at most 64 MiB")
      ->check(CLI::Range(64, 4096))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--ledger", state->ledger, "Also show the runs of this ledger that have the same settings")
      ->type_name("FILE");
  AddForceOption(*verb, state->job);
  AddJobOptions(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink report drive.zip -o archive.html\n"
      "  kitsink report out/ -o report.html\n"
      "  kitsink report out/ --original drive.mkv -o report.html --ledger runs.jsonl --json >score.json\n"
      "  kitsink report out/ -o report.html --show 1 --show-pairs 0,85,300 --picture-width 1164\n"
      "The page about a run has the terms of the score, pairs in pictures (original, inflated and class maps, with a\n"
      "common zoom; report.html#pair=85&zoom=4&x=0.5&y=0.4 names a place), the archive's parts, seg and pose of every\n"
      "pair, and what the search did. --json prints what score --json prints. The page about an archive needs neither\n"
      "frames nor nets: bytes by section and part, 48 class maps, selectors, and what is stored for each pair.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
