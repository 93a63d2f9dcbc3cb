// Compresses with codec strict: observes the video, then runs stages that each improve a scene, and measures each.

#include "codecs/strict/compress.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "codecs/entries.h"
#include "codecs/plan.h"
#include "codecs/stages.h"
#include "codecs/strict/edit_maps.h"
#include "codecs/strict/measure.h"
#include "codecs/strict/observe.h"
#include "codecs/strict/options.h"
#include "codecs/strict/solve_carrier.h"
#include "codecs/strict/start_scene.h"
#include "codecs/strict/train_renderer.h"
#include "kitsink/contest.h"
#include "kitsink/kernels.h"

namespace kitsink::strict {
namespace {

// Everything that the stages share.
struct Job {
  CompressContext& context;
  CompressOptions options;
  std::unique_ptr<Nets> nets;
  std::vector<Observation> targets;
  ResumeFolder folder;
  Stopwatch watch;
  Scene scene;
  std::optional<MeasuredMember> measured = {};  // of the scene, where it is known
  double measuring_seconds = 0;                 // that it takes, as far as is known

  // Every change of the scene is measured, and what comes of it once more.
  double seconds_left() const {
    if (options.time_limit_seconds <= 0) return INFINITY;
    return options.time_limit_seconds - watch.seconds() - 2 * measuring_seconds;
  }
};

// What must be done after the renderer, as far as the time limit counts: the shortest way to motions.
Result<double> SecondsAfterRenderer(Job& job) {
  if (job.options.time_limit_seconds <= 0 || !job.scene.carrier.moves) return 0.0;
  Scene scene = job.scene;
  if (scene.renderer.tensors.empty()) scene.renderer.tensors = EmptyTensors(scene.renderer.shape);
  KIT_ASSIGN(const double seconds, SecondsOfMotions(scene, job.targets, *job.nets, job.context.threads));
  constexpr double kWithMeasuring = 1.8;  // of the scene, three times
  return kWithMeasuring * seconds / static_cast<double>(job.folder.crew().shard().count);
}

Status RunRenderer(Job& job) {
  RendererTraining training;
  training.steps = job.options.train_steps;
  training.seed = job.options.seed;
  training.optimiser = job.options.optimiser;
  training.batch = job.options.train_batch;
  // Even where the motions alone take longer than the limit: without a trained renderer they are worth nothing.
  constexpr double kLeastShare = 0.2;
  KIT_ASSIGN(const double afterwards, SecondsAfterRenderer(job));
  training.plan = [&](double seconds) {
    const double left = job.seconds_left(), allowed = std::max(0.7 * (left - afterwards), kLeastShare * left);
    return PlanUnits(job.folder, "renderer", {training.steps, "steps", seconds, allowed});
  };
  KIT_ASSIGN(const Checkpoint checkpoint, CheckpointOf(job.folder, "renderer.checkpoint"));
  ClassColours colours{};
  if (job.scene.renderer.tensors.empty()) {
    KIT_ASSIGN(colours, MeanColours(job.context, job.targets));
  }
  KIT_ASSIGN(job.scene.renderer, TrainRenderer(job.scene, MapsOf(job.targets), colours, *job.nets, training,
                                               job.context.threads, checkpoint, *job.context.progress));
  job.measured.reset();
  return Ok();
}

bool IsUnsolved(const Carrier& carrier) {
  const auto is_zero = [](int code) { return code == 0; };
  return std::ranges::all_of(carrier.basis, is_zero) && std::ranges::all_of(carrier.coefficients, is_zero);
}

CarrierSolve SolveOptions(Job& job, const std::string& name, const Scene& scene) {
  CarrierSolve solve;
  solve.name = name;
  solve.steps_each = job.options.carrier_steps;
  solve.rounds = job.options.carrier_rounds;
  solve.largest_code = CarrierSizeFor(scene.mask.count).largest_code;
  solve.new_basis = IsUnsolved(scene.carrier);
  solve.score_per_byte = ScorePerByte(job.context.original_bytes);
  solve.seconds_left = [&job] { return job.seconds_left(); };
  return solve;
}

// Solves the scene's carrier, an unsolved one with a new basis or new motions; or adds atoms to its motions.
Status Solve(Job& job, const std::string& name, Scene& scene, decltype(SolveCarrier)& solve = SolveCarrier) {
  KIT_ASSIGN(SolvedCarrier solved, solve(scene, job.targets, *job.nets, SolveOptions(job, name, scene), job.folder,
                                         job.context.threads, *job.context.progress));
  scene.carrier = std::move(solved.carrier);
  scene.selector = std::move(solved.selector);
  return Ok();
}

Result<MeasuredMember> Measure(Job& job, const Scene& scene) {
  const Stopwatch watch;
  KIT_ASSIGN(MeasuredMember measured, MeasureOnce(job.folder.crew(), job.context.limits, [&] {
               return MeasureScene(scene, job.targets, job.options.mask_level, *job.nets, job.context.original_bytes,
                                   job.context);
             }));
  job.measuring_seconds = watch.seconds();
  return measured;
}

// The job's scene.
Result<MeasuredMember> Measured(Job& job) {
  if (!job.measured.has_value()) {
    KIT_ASSIGN(job.measured, Measure(job, job.scene));
  }
  return *job.measured;
}

// A new carrier: motions, with a few atoms where they pay; with --f0 auto atoms on grey in their place if they are
// better. The user may choose or bring one.
Status RunCarrier(Job& job) {
  const bool is_new = IsUnsolved(job.scene.carrier);
  const Stopwatch watch;
  job.measured.reset();
  KIT_TRY(Solve(job, "carrier", job.scene));
  const double seconds = watch.seconds();
  if (!is_new || job.options.f0 == F0Form::kAtoms) return Ok();
  KIT_ASSIGN(MeasuredMember best, Measured(job));
  const Scene moved = job.scene;
  const auto take_better = [&](Scene other, const char* what) -> Status {
    KIT_ASSIGN(MeasuredMember measured, Measure(job, other));
    const double gain = best.score.total() - measured.score.total();
    Log(LogLevel::kInfo, std::string("carrier: ") + what + ": gain " + std::to_string(gain));
    if (!(gain > 0)) return Ok();
    job.scene = std::move(other);
    job.measured = best = std::move(measured);
    return Ok();
  };
  // The motions are solved again with the atoms, which takes as long.
  KIT_ASSIGN(const bool in_time, job.folder.crew().LeaderSays(job.seconds_left() > seconds));
  if (in_time) {
    Scene both = moved;
    KIT_TRY(Solve(job, "added", both, SolveAddedAtoms));
    KIT_TRY(take_better(std::move(both), "atoms added to the motions"));
  }
  if (job.options.f0 != F0Form::kAuto) return Ok();
  KIT_ASSIGN(const bool still_in_time, job.folder.crew().LeaderSays(job.seconds_left() > 2 * seconds));
  if (!still_in_time) return Ok();
  Scene atoms = moved;
  atoms.carrier = GreyCarrier(CarrierSizeFor(atoms.mask.count), atoms.mask.count);
  KIT_TRY(Solve(job, "atoms", atoms));
  return take_better(std::move(atoms), "atoms in place of motions");
}

MapEditing Editing(Job& job, const std::string& name) {
  MapEditing editing;
  editing.name = name;
  editing.rounds = job.options.edit_rounds;
  editing.passes = job.options.edit_passes;
  editing.original_bytes = job.context.original_bytes;
  editing.measure = [&job](const Scene& scene) { return Measure(job, scene); };
  editing.seconds_left = [&job] { return job.seconds_left(); };
  return editing;
}

Json RoundsJson(std::span<const EditRound> rounds) {
  Json json = Json::array();
  for (const EditRound& round : rounds) {
    json.push_back({{"pixels", round.pixels},
                    {"errors_before", round.errors_before},
                    {"errors_after", round.errors_after},
                    {"price_bytes", round.price_bits / 8},
                    {"paid_bytes", round.paid_bytes},
                    {"gain", round.gain},
                    {"kept", round.kept}});
  }
  return json;
}

Status RunEdits(Job& job) {
  MapEditing editing = Editing(job, "edits");
  KIT_ASSIGN(editing.measured, Measured(job));
  KIT_ASSIGN(EditedScene edited, EditMaps(job.scene, job.targets, *job.nets, editing, job.folder, job.context.threads,
                                          *job.context.progress));
  job.scene = std::move(edited.scene);
  job.measured = std::move(edited.measured);
  return job.folder.crew().leads() ? job.folder.Save("edits.rounds", RoundsJson(edited.rounds).dump()) : Ok();
}

// Trains the renderer on, for the maps as they are, and fits carrier and maps to it.
Result<EditedScene> Hop(Job& job, const std::string& name) {
  RendererTraining training;
  training.name = name + "-renderer";
  training.steps = std::max<int64_t>(1, job.options.train_steps / 2);
  training.learning_rate = 3e-3;
  training.optimiser = job.options.optimiser;
  training.batch = job.options.train_batch;
  // The start is good, so the loss begins where it is nearest to the score.
  training.cross_entropy_until = training.hinge_until = training.quantise_from = 0;
  training.seed = job.options.seed;
  training.plan = [&](double seconds) {
    return PlanUnits(job.folder, training.name, {training.steps, "steps", seconds, 0.4 * job.seconds_left()});
  };
  KIT_ASSIGN(const Checkpoint checkpoint, CheckpointOf(job.folder, training.name + ".checkpoint"));
  Scene moved = job.scene;
  KIT_ASSIGN(moved.renderer, TrainRenderer(moved, MapsOf(job.targets), {}, *job.nets, training, job.context.threads,
                                           checkpoint, *job.context.progress));
  KIT_TRY(Solve(job, name + "-carrier", moved));
  return EditMaps(moved, job.targets, *job.nets, Editing(job, name + "-edits"), job.folder, job.context.threads,
                  *job.context.progress);
}

// Each hop is taken as a whole or not at all.
Status RunHops(Job& job) {
  KIT_ASSIGN(const MeasuredMember before, Measured(job));
  double least = before.score.total();
  for (uint32_t h = 1; h <= job.options.hops; ++h) {
    KIT_ASSIGN(const bool in_time, job.folder.crew().LeaderSays(job.seconds_left() > 0));
    if (!in_time) break;
    KIT_ASSIGN(EditedScene hop, Hop(job, "hop-" + std::to_string(h)));
    const double gain = least - hop.measured.score.total();
    Log(LogLevel::kInfo,
        "hop " + std::to_string(h) + ": gain " + std::to_string(gain) + (gain > 0 ? "" : ", not taken"));
    if (!(gain > 0)) break;
    least -= gain;
    job.scene = std::move(hop.scene);
    job.measured = std::move(hop.measured);
  }
  return Ok();
}

// The stages after observing, in order. Each changes the scene. `tensors` begins the names of its result.
struct Stage {
  const char* name;
  const char* tensors;
  Status (*run)(Job& job);
  uint32_t CompressOptions::*rounds = nullptr;  // 0 of them: the stage is left out
  const char* rounds_option = nullptr;
};
constexpr Stage kStages[] = {{"renderer", "renderer.", RunRenderer},
                             {"carrier", "carrier.", RunCarrier},
                             {"edits", "maps", RunEdits, &CompressOptions::edit_rounds, "--edit-rounds"},
                             {"hops", "renderer.", RunHops, &CompressOptions::hops, "--hops"}};

bool MustRun(const Job& job, const Stage& stage, const TensorFile& brought) {
  const auto& stages = job.options.stages;
  if (stage.rounds != nullptr && job.options.*stage.rounds == 0) return false;
  return !HasTensors(brought, stage.tensors) || std::ranges::find(stages, stage.name) != stages.end();
}

// Runs a stage unless an earlier job finished it, and measures the scene after it.
Result<MeasuredMember> RunStage(Job& job, const Stage& stage) {
  const StageFunctions functions{.run = [&] { return stage.run(job); },
                                 .load = [&job](const Member& member) -> Status {
                                   KIT_ASSIGN(job.scene, DecodeScene(member, job.context));
                                   job.measured.reset();
                                   return Ok();
                                 },
                                 .measure = [&] { return Measured(job); }};
  return kitsink::RunStage(stage.name, functions, job.folder, job.context);
}

// Refuses to run a stage of no rounds.
Status CheckStages(const CompressOptions& options) {
  for (const Stage& stage : kStages) {
    if (std::ranges::find(options.stages, stage.name) == options.stages.end()) continue;
    if (stage.rounds == nullptr || options.*stage.rounds > 0) continue;
    return Error{Code::kInvalidArgument,
                 std::string("--stages ") + stage.name + ": " + stage.rounds_option + " is 0, expected 1 or more"};
  }
  return Ok();
}

Json DescribeOptions(const CompressOptions& options, const TensorFile& brought, const std::string& brought_sha256,
                     int threads) {
  const char* const sizes[] = {"auto", "tiny", "small", "full"};
  const char* const chains[] = {"auto", "preimage", "enlarged"};
  const char* const forms[] = {"auto", "motion", "atoms"};
  const char* const optimisers[] = {"adamw", "muon"};
  Json json = {{"seed", options.seed},
               {"renderer", sizes[static_cast<int>(options.renderer)]},
               {"f1", chains[static_cast<int>(options.chain)]},
               {"f0", forms[static_cast<int>(options.f0)]},
               {"optimiser", optimisers[static_cast<int>(options.optimiser)]},
               {"train_steps", options.train_steps},
               {"train_batch", options.train_batch},
               {"carrier_steps", options.carrier_steps},
               {"carrier_rounds", options.carrier_rounds},
               {"edit_rounds", options.edit_rounds},
               {"edit_passes", options.edit_passes},
               {"hops", options.hops},
               {"mask_level", options.mask_level},
               {"threads", threads}};
  if (options.time_limit_seconds > 0) json["time_limit"] = options.time_limit_seconds;
  if (!brought.tensors.empty()) json["from_sha256"] = brought_sha256;
  if (!options.stages.empty()) json["stages"] = options.stages;
  return json;
}

}  // namespace

Result<Member> Compress(CompressContext& context) {
  const CompressOptions options = OptionsOf<CompressOptions>(context);
  KIT_TRY(CheckStages(options));
  LoadedTensors brought;
  if (!options.from.empty()) {
    KIT_ASSIGN(brought, LoadTensorFile(options.from));
  }
  KIT_ASSIGN(Original original, OpenOriginal(context));
  context.threads = ConfigureTorch(context.threads);
  KIT_ASSIGN(const Device device, ParseDevice(context.device));
  KIT_ASSIGN(std::unique_ptr<Nets> nets, Nets::Load(context.nets_folder, device));
  Renderer wanted;
  wanted.preimage = options.chain == F1Chain::kPreimage;
  KIT_TRY(CheckPreimage(wanted, kModelGrid, original.pairs.frame_size()));
  Result<Scene> start = StartScene(options, original.pairs.frame_size(), static_cast<uint32_t>(original.num_pairs),
                                   brought.file, context.limits);
  if (!start.ok()) return Within(options.from.string(), start.error());
  Json& manifest = *context.manifest;
  manifest = DescribeNets(nets->info(), device);
  manifest["options"] = DescribeOptions(options, brought.file, brought.sha256, context.threads);
  KIT_ASSIGN(ResumeFolder folder, context.resume(manifest));

  Job job{context, options, std::move(nets), {}, std::move(folder), {}, start.TakeValue()};
  KIT_ASSIGN(job.targets, ObserveOriginal(original, *job.nets, job.folder, *context.progress));
  if (!HasTensors(brought.file, "maps")) job.scene.mask = MapsOf(job.targets);
  context.remarks.emplace_back(kStagesHead);
  MeasuredMember measured;
  for (const Stage& stage : kStages) {
    if (!MustRun(job, stage, brought.file)) continue;
    KIT_ASSIGN(measured, RunStage(job, stage));
  }
  if (measured.member.sections.empty()) {  // the user brought everything
    KIT_ASSIGN(measured, Measured(job));
    ReportStage("nothing", measured.score, 0, {}, context);
  }
  return std::move(measured.member);
}

}  // namespace kitsink::strict
