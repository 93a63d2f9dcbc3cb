// Runs `kitsink compress`: makes an archive from a video.

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/codec_options.h"
#include "cli/command.h"
#include "cli/engine.h"
#include "kitsink/contest.h"
#include "kitsink/report.h"

namespace kitsink {
namespace {

struct State {
  CompressOptions options;
  CompressChoice choice;
  JobOptions job;
  OutputOptions output;
  LedgerOptions ledger;
  std::map<std::string, std::function<std::any(const CompressChoice&)>> make_options;  // by codec
};

void PrintSummary(const State& state, const CompressReport& report) {
  std::printf("%s: %llu bytes, %llu pairs, %.2f %% of the original's %llu bytes\n",
              state.options.archive.string().c_str(), static_cast<unsigned long long>(report.archive_bytes),
              static_cast<unsigned long long>(report.num_pairs),
              100.0 * static_cast<double>(report.archive_bytes) / static_cast<double>(report.original_bytes),
              static_cast<unsigned long long>(report.original_bytes));
  for (const std::string& remark : report.remarks) std::printf("  %s\n", remark.c_str());
  if (state.output.verbosity == 0) return;
  const auto row = [&report](const std::string& name, uint64_t bytes, const std::string& title) {
    std::printf("  %-8s %10llu bytes  %12.8f of score  %s\n", name.c_str(), static_cast<unsigned long long>(bytes),
                ScorePerByte(report.original_bytes) * static_cast<double>(bytes), title.c_str());
  };
  row("header", report.header_bytes, "");
  for (const SectionUse& section : report.sections) row(section.name, section.size_bytes, section.title);
  row("zip", report.container_bytes, "container");
  const char* separator = "  ";
  for (const auto& [stage, seconds] : report.seconds) {
    std::printf("%s%s %.1f s", separator, stage.c_str(), seconds);
    separator = ", ";
  }
  std::printf("\n");
}

// Groups of options that some codecs take: "Codec video", "Codecs hnerv, strict".
constexpr std::string_view kOneCodec = "Codec ", kSeveralCodecs = "Codecs ";

std::string GroupOf(bool (*takes)(const CodecCommandLine&)) {
  std::string group;
  for (const CodecCommandLine* line : CommandLines()) {
    if (takes(*line)) group += (group.empty() ? std::string(kSeveralCodecs) : ", ") + std::string(line->codec);
  }
  return group;
}

// An option of another codec would have no effect.
Status CheckCodecOptions(const CLI::App& verb, const std::string& codec) {
  for (const CLI::Option* option : verb.get_options()) {
    const std::string group = option->get_group();
    const bool several = group.starts_with(kSeveralCodecs);
    if (option->count() == 0 || (!several && !group.starts_with(kOneCodec))) continue;
    const std::string codecs = group.substr(several ? kSeveralCodecs.size() : kOneCodec.size());
    if ((", " + codecs + ",").find(", " + codec + ",") != std::string::npos) continue;
    return Error{Code::kInvalidArgument, option->get_name() + " is an option of codec" + (several ? "s " : " ") +
                                             codecs + ", the codec is " + codec};
  }
  return Ok();
}

// Options that not every codec takes.
Status CheckSharedOptions(const State& state) {
  const std::string& codec = state.options.codec;
  for (const CodecCommandLine* line : CommandLines()) {
    if (line->codec != codec) continue;
    if (state.options.shard.count > 1 && !line->shards) {
      return Error{Code::kInvalidArgument, "--shard: one process makes an archive of codec " + codec};
    }
    if (!state.ledger.path.empty() && !line->scores) {
      return Error{Code::kInvalidArgument, "--ledger: codec " + codec + " takes no scores while it compresses"};
    }
    for (const std::string& stage : state.choice.stages) {
      if (std::ranges::find(line->stages, stage) != line->stages.end()) continue;
      return Error{Code::kInvalidArgument, "--stages: codec " + codec + " has no stage " + stage};
    }
  }
  if (!state.choice.stages.empty() && state.choice.from.empty()) {
    return Error{Code::kInvalidArgument, "--stages: needs --from, the scene to start from"};
  }
  return Ok();
}

// --train-steps, --train-batch, --from, --stages and --time-limit, which the codecs with stages share.
void AddStageOptions(CLI::App& verb, CompressChoice& choice) {
  std::vector<std::string> stages;
  std::string kind;
  for (const CodecCommandLine* line : CommandLines()) {
    for (const std::string& stage : line->stages) {
      if (std::ranges::find(stages, stage) != stages.end()) continue;
      stages.push_back(stage);
      kind += (kind.empty() ? "" : "|") + stage;
    }
  }
  const std::string group = GroupOf([](const CodecCommandLine& line) { return !line.stages.empty(); });
  verb.add_option(
          "--train-steps", choice.train_steps,
          "Training steps of hnerv's decoder or strict's renderer; presets: fast 1500, default 8000, best 60000")
      ->type_name("N")
      ->group(group);
  verb.add_option("--train-batch", choice.train_batch,
                  "Pairs of such a step; processes that share the job (--shard) share them out")
      ->check(CLI::Range(1U, 1000U))
      ->type_name("N")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--from", choice.from,
                  "A scene to start from (kitsink unpack): stages whose result is there are skipped. strict: also some "
                  "of maps, renderer.*, carrier.* with selector; hnerv: also an archive, with as many pairs as the "
                  "video")
      ->type_name("FILE")
      ->group(group);
  verb.add_option("--stages", choice.stages,
                  "With --from: stages to run although their result is there, starting from it")
      ->check(CLI::IsMember(stages))
      ->delimiter(',')
      ->type_name(kind)
      ->group(group);
  AddTimeLimitOption(verb, choice.time_limit_seconds,
                     "End at about this wall time (90s, 30m, 1h30m) by planning less work; the manifest says so")
      ->group(group);
}

// Appends what compress scored on its way to the ledger.
Status KeepScores(const State& state, const CompressReport& report) {
  if (state.ledger.path.empty()) return Ok();
  const CodecFormat* const codec = FormatCodecs().Find(state.options.codec);
  KIT_ASSIGN(const std::vector<ScoreReport> scores, ScoresOfCompress(report.json, codec->nets_at_inflate));
  for (const ScoreReport& score : scores) KIT_TRY(AppendToLedger(state.ledger.path, score, state.ledger.note));
  return Ok();
}

int Run(State& state, const CLI::App& verb) {
  if (const Status status = CheckCodecOptions(verb, state.options.codec); !status.ok()) {
    return Fail("compress", status.error());
  }
  if (const Status status = CheckSharedOptions(state); !status.ok()) return Fail("compress", status.error());
  if (const Status status = CheckLedger(state.ledger); !status.ok()) return Fail("compress", status.error());
  if (state.options.shard.index > 0) state.output.quiet = true;  // process 0 speaks for all
  Progress& progress = StartOutput(state.output);
  state.options.options = state.make_options.at(state.options.codec)(state.choice);
  state.options.inputs = {state.choice.from, state.ledger.path};
  const Result<const Engine*> engine = OpenEngine(state.job);
  if (!engine.ok()) return Fail("compress", engine.error());
  const Result<CompressReport> report = engine.value()->compress(state.options, state.job, progress);
  if (!report.ok()) return Fail("compress", report.error());
  if (state.options.shard.index > 0) return kExitDone;
  if (const Status status = KeepScores(state, report.value()); !status.ok()) return Fail("compress", status.error());
  if (state.output.json) {
    std::fputs(report.value().json.c_str(), stdout);
  } else if (!state.output.quiet) {
    PrintSummary(state, report.value());
  }
  return kExitDone;
}

}  // namespace

void AddCompress(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("compress", "Make an archive from a driving video");
  const auto state = std::make_shared<State>();
  verb->add_option("VIDEO", state->options.video, "mkv, mp4 or raw hevc, 8-bit 4:2:0")->required()->type_name("FILE");
  verb->add_option("-o,--output", state->options.archive,
                   "The archive, a zip; FILE.json beside it says how it was made")
      ->required()
      ->type_name("FILE");
  std::vector<std::pair<std::string, std::string>> codecs;
  std::string summaries;
  const Codecs known = FormatCodecs();
  for (const CodecCommandLine* line : CommandLines()) {
    if (line->add_compress == nullptr) continue;
    codecs.emplace_back(line->codec, line->codec);
    summaries += (summaries.empty() ? "" : "; ") + std::string(line->codec) + ": " +
                 std::string(known.Find(line->codec)->summary);
  }
  AddChoice<std::string>(*verb, "--codec", state->options.codec, codecs, "The codec. " + summaries);
  AddChoice<std::string>(*verb, "--preset", state->choice.preset,
                         {{"fast", "fast"}, {"default", "default"}, {"best", "best"}},
                         "How much time to spend: steps of training, and the level");
  AddChoice<std::optional<int>>(*verb, "--level", state->choice.level, MaskLevels<std::optional<int>>(),
                                "Coder of class maps: 1 fast .. 3 smallest; ctw: context-tree weighting; presets: fast "
                                "1, default 2, best 3")
      ->group(GroupOf([](const CodecCommandLine& line) { return line.class_maps; }));
  verb->add_option("--seed", state->choice.seed, "Seed of the codec's training")->type_name("N")->capture_default_str();
  for (const CodecCommandLine* line : CommandLines()) {
    if (line->add_compress != nullptr) state->make_options[std::string(line->codec)] = line->add_compress(*verb);
  }
  AddStageOptions(*verb, state->choice);
  AddShardOption(*verb, state->options.shard,
                 "This is process I of N (0/3, 1/3, 2/3) that make the archive together, or auto: rank and size as "
                 "torchrun, Open MPI or Slurm tell them. All get the same command and see the same folders; they start "
                 "at the same time");
  AddGroundTruthOption(*verb, state->options.ground_truth);
  AddLedgerOptions(*verb, state->ledger, "what compress scores on its way, tries and stages,");
  AddForceOption(*verb, state->job);
  AddJobOptions(*verb, state->job);
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink compress drive.mkv -o drive.zip\n"
      "  kitsink compress drive.mkv -o quick.zip --preset fast --pairs 0:16 -v\n"
      "  kitsink compress drive.mkv -o drive.zip --codec strict --preset fast -v\n"
      "The same video, options, nets, seed and machine give the same bytes. An odd last frame is left out.\n"
      "A job that was killed goes on when the same command is given again (FILE.resume beside the output).");
  verb->callback([state, &action, verb] { action = [state, verb] { return Run(*state, *verb); }; });
}

}  // namespace kitsink
