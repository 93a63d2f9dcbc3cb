#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>
#include <system_error>

#include "codec/components.h"
#include "codec/manifest.h"
#include "codec/resume.h"
#include "codec/search_threads.h"
#include "codec/stopwatch.h"
#include "codec/watchdog.h"
#include "kitsink/at_once.h"
#include "kitsink/codec.h"
#include "kitsink/hash.h"
#include "kitsink/video.h"

namespace kitsink {
namespace {

constexpr const char* kFrames = "frames.raw";
constexpr const char* kManifest = "manifest.json";

Json DescribeOptions(const InflateOptions& options, int threads) {
  const SearchOptions& search = options.search;
  const char* const grids[] = {"auto", "model", "camera"};
  return {{"prepass_steps", search.prepass_steps},
          {"steps", search.steps},
          {"repair_steps", search.repair_steps},
          {"batch", options.batch_size},
          {"grid", grids[static_cast<int>(search.grid)]},
          {"learning_rate", search.learning_rate},
          {"margin", search.margin},
          {"seg_weight", search.seg_weight},
          {"pose_weight", search.pose_weight},
          {"threads", threads}};
}

// The same plan in proportion, for `steps` in all.
SearchOptions ShrinkTo(const SearchOptions& plan, uint32_t steps) {
  if (steps >= plan.total_steps()) return plan;
  SearchOptions shrunk = plan;
  const double share = static_cast<double>(steps) / plan.total_steps();
  shrunk.prepass_steps = static_cast<uint32_t>(std::lround(plan.prepass_steps * share));
  shrunk.repair_steps = static_cast<uint32_t>(std::lround(plan.repair_steps * share));
  shrunk.steps = steps - std::min(steps, shrunk.prepass_steps + shrunk.repair_steps);
  return shrunk;
}

// What is known of one searched group, apart from its frames.
struct GroupResult {
  uint64_t first = 0;  // pair of the clip
  uint32_t steps_run = 0;
  double seconds = 0;
  std::vector<PairDistortion> before, after;
  std::vector<MeanDistortion> curve;  // sums over the pairs after 0, 1 .. steps
};

std::string EntryOf(uint64_t first) {
  char text[32];
  std::snprintf(text, sizeof(text), "pair-%06llu.json", static_cast<unsigned long long>(first));
  return text;
}

Json DescribePairs(const std::vector<PairDistortion>& pairs) {
  Json json = Json::array();
  for (const PairDistortion& pair : pairs) json.push_back({pair.seg, pair.pose});
  return json;
}

// `sums` gains those of a group, which has reached its last where it took fewer steps.
void AddCurve(std::span<const MeanDistortion> group, std::vector<MeanDistortion>& sums) {
  if (group.empty()) return;
  if (sums.empty()) sums.resize(group.size());
  const MeanDistortion end = sums.back();
  if (sums.size() < group.size()) sums.resize(group.size(), end);
  for (size_t step = 0; step < sums.size(); ++step) {
    const MeanDistortion& at = group[std::min(step, group.size() - 1)];
    sums[step].seg += at.seg;
    sums[step].pose += at.pose;
  }
}

Json DescribeCurve(std::span<const MeanDistortion> sums, double pairs) {
  Json json = Json::array();
  for (const MeanDistortion& sum : sums) json.push_back({sum.seg / pairs, sum.pose / pairs});
  return json;
}

Result<GroupResult> LoadGroup(const ResumeFolder& folder, uint64_t first) {
  KIT_ASSIGN(const Bytes bytes, folder.Load(EntryOf(first)));
  GroupResult group;
  group.first = first;
  const auto parse = [&](const Json& json) {
    group.steps_run = json.at("steps_run").get<uint32_t>();
    group.seconds = json.at("seconds").get<double>();
    for (const Json& pair : json.at("before")) group.before.push_back({pair.at(0), pair.at(1)});
    for (const Json& pair : json.at("after")) group.after.push_back({pair.at(0), pair.at(1)});
    for (const Json& sum : json.at("curve")) group.curve.push_back({sum.at(0), sum.at(1)});
  };
  try {
    parse(Json::parse(bytes.begin(), bytes.end()));
  } catch (const Json::exception& exception) {
    return Error{Code::kCorrupt, folder.PathOf(EntryOf(first)).string() + ": " + exception.what()};
  }
  return group;
}

Status SaveGroup(const ResumeFolder& folder, const GroupResult& group) {
  const Json json = {{"steps_run", group.steps_run},
                     {"seconds", group.seconds},
                     {"before", DescribePairs(group.before)},
                     {"after", DescribePairs(group.after)},
                     {"curve", DescribeCurve(group.curve, 1)}};
  return folder.Save(EntryOf(group.first), json.dump() + "\n");
}

// The work of one process on one archive.
struct InflateJob {
  const InflateOptions& options;
  const Scene& scene;
  Nets& nets;
  PairRange asked;
  ResumeFolder folder;
  std::vector<float> poses;

  uint64_t first_group() const { return asked.first / options.batch_size; }
  uint64_t num_groups() const { return (asked.end - 1) / options.batch_size + 1 - first_group(); }
  uint64_t first_pair(uint64_t group) const { return (first_group() + group) * options.batch_size; }

  // Frames that the clock cut short count as done only for a job with a time limit.
  Result<bool> IsDone(uint64_t group) const {
    if (!folder.Has(EntryOf(first_pair(group)))) return false;
    KIT_ASSIGN(const GroupResult result, LoadGroup(folder, first_pair(group)));
    return options.time_limit_seconds > 0 || result.steps_run >= options.search.total_steps();
  }

  std::vector<PairTarget> TargetsOf(uint64_t first, size_t count) const {
    std::vector<PairTarget> targets(count);
    for (size_t i = 0; i < count; ++i) {
      targets[i].class_map = scene.mask.map(first + i);
      std::copy_n(poses.begin() + static_cast<std::ptrdiff_t>(6 * (first + i)), 6, targets[i].pose.begin());
      targets[i].codes = CodesOf(scene.selectors, first + i);
    }
    return targets;
  }

  // Searches a whole group, also where only a part of it is asked for, so that no pair's frames depend on the asking.
  Result<GroupResult> RunGroup(uint64_t group, Renderer& renderer, RawCanvas& canvas, const SearchOptions& search) {
    GroupResult result;
    result.first = first_pair(group);
    const size_t count = std::min<size_t>(options.batch_size, scene.mask.count - result.first);
    KIT_ASSIGN(std::vector<FramePair> rendered, renderer.Render(result.first, count));
    const Stopwatch watch;
    KIT_ASSIGN(const std::vector<SearchedPair> searched,
               SearchFrames(std::move(rendered), TargetsOf(result.first, count), nets, search));
    result.seconds = watch.seconds();
    result.steps_run = searched[0].steps_run;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t pair = result.first + i;
      if (pair < asked.first || pair >= asked.end) continue;
      KIT_TRY(canvas.Write(2 * (pair - asked.first), searched[i].frames.f0));
      KIT_TRY(canvas.Write(2 * (pair - asked.first) + 1, searched[i].frames.f1));
      result.before.push_back(searched[i].before);
      result.after.push_back(searched[i].after);
      std::vector<MeanDistortion> curve;
      for (const PairDistortion& at : searched[i].curve) curve.push_back({at.seg, at.pose});
      AddCurve(curve, result.curve);
    }
    return result;
  }
};

// Searches the groups of this process's shard that are not done yet.
Status RunShard(InflateJob& job, Watchdog& watchdog, const Device& device, int at_once, Progress& progress) {
  const InflateOptions& options = job.options;
  const PairRange part = options.shard.PartOf(job.num_groups());
  std::vector<uint64_t> open;
  for (uint64_t group = part.first; group < part.end; ++group) {
    KIT_ASSIGN(const bool done, job.IsDone(group));
    if (!done) open.push_back(group);
  }
  if (job.folder.resumed() && open.size() < part.end - part.first) {
    Log(LogLevel::kInfo, "inflate: goes on, " + std::to_string(part.end - part.first - open.size()) + " of " +
                             std::to_string(part.end - part.first) + " groups were done");
  }
  if (open.empty()) return Ok();
  struct Worker {
    std::unique_ptr<Renderer> renderer;
    RawCanvas canvas;
  };
  std::vector<Worker> workers;
  while (workers.size() < std::min(open.size(), static_cast<size_t>(at_once))) {
    KIT_ASSIGN(std::unique_ptr<Renderer> renderer, MakeRenderer(job.scene, device));
    KIT_ASSIGN(RawCanvas canvas, RawCanvas::Open(job.folder.PathOf(kFrames), job.scene.frame_size,
                                                 2 * (job.asked.end - job.asked.first)));
    workers.push_back({std::move(renderer), std::move(canvas)});
  }
  progress.Begin(options.search.steps > 0 ? "search" : "render", open.size() * options.batch_size, "pairs");
  std::mutex mutex;  // of watchdog, progress.Update and what follows
  uint64_t done = 0;
  std::vector<PairDistortion> after;
  const auto run = [&](size_t worker, size_t index) -> Status {
    const Stopwatch watch;
    std::unique_lock lock(mutex);
    const uint64_t in_a_row = (open.size() - index - 1) / static_cast<uint64_t>(at_once) + 1;
    const Watchdog::Share share = watchdog.Next(options.search.total_steps(), in_a_row);
    lock.unlock();
    SearchOptions search = ShrinkTo(options.search, share.steps);
    search.stop = [&] { return watchdog.Expired(share) || progress.stop_requested(); };
    auto& [renderer, canvas] = workers[worker];
    KIT_ASSIGN(const GroupResult result, job.RunGroup(open[index], *renderer, canvas, search));
    if (progress.stop_requested()) return Error{Code::kIo, "interrupted; the same command goes on from here"};
    // The entry says that the frames are there, so they reach the disk first.
    KIT_TRY(canvas.Flush());
    KIT_TRY(SaveGroup(job.folder, result));
    lock.lock();
    watchdog.Learn(result.steps_run, result.seconds, watch.seconds() - result.seconds);
    after.insert(after.end(), result.after.begin(), result.after.end());
    progress.Update(++done * options.batch_size, FormatTerms(ExactMeans(after)));
    return Ok();
  };
  KIT_TRY(RunAtOnce(open.size(), at_once, run));
  progress.End();
  return Ok();
}

struct JoinedGroups {
  uint64_t num_groups = 0, pairs_cut = 0;
  double seconds = 0;
  std::vector<PairDistortion> before, after;
  std::vector<MeanDistortion> curve;  // sums
};

// What all processes have done so far.
Result<JoinedGroups> GatherGroups(const InflateJob& job) {
  JoinedGroups joined;
  for (uint64_t group = 0; group < job.num_groups(); ++group) {
    KIT_ASSIGN(const bool done, job.IsDone(group));
    if (!done) continue;
    KIT_ASSIGN(const GroupResult result, LoadGroup(job.folder, job.first_pair(group)));
    ++joined.num_groups;
    joined.seconds += result.seconds;
    if (result.steps_run < job.options.search.total_steps()) joined.pairs_cut += result.after.size();
    joined.before.insert(joined.before.end(), result.before.begin(), result.before.end());
    joined.after.insert(joined.after.end(), result.after.begin(), result.after.end());
    AddCurve(result.curve, joined.curve);
  }
  return joined;
}

}  // namespace

Result<InflateReport> Inflate(const InflateOptions& options, const JobOptions& job, Progress& progress) {
  Watchdog watchdog(options.time_limit_seconds);
  std::filesystem::path stem = options.archive;
  if (!stem.has_filename()) stem = stem.parent_path();
  const std::string name = options.name.empty() ? stem.stem().string() : options.name;
  KIT_ASSIGN(const LoadedArchive archive, LoadArchive(options.archive, job.limits));

  InflateReport report;
  const Stopwatch watch;
  const int threads = ConfigureTorch(job.threads);
  KIT_ASSIGN(const Scene scene, DecodeMember(archive.member, threads, job.limits, progress));
  KIT_TRY(CheckSearchable(scene));
  const PairRange asked = job.pairs.value_or(PairRange{0, scene.mask.count});
  if (asked.first >= asked.end || asked.end > scene.mask.count) {
    return Error{Code::kInvalidArgument, "pairs: range " + std::to_string(asked.first) + ":" +
                                             std::to_string(asked.end) +
                                             ", the archive has 0:" + std::to_string(scene.mask.count)};
  }
  report.decode_seconds = watch.seconds();
  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));

  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) return Error{Code::kIo, options.folder.string() + ": cannot make the folder: " + error.message()};
  report.raw = options.folder / (name + ".raw");
  const std::filesystem::path manifest_path = options.folder / (name + ".json");
  Json json = ManifestHead("inflate", nets->info(), device);
  json["options"] = DescribeOptions(options, threads);
  json["frame_size"] = {scene.frame_size.width, scene.frame_size.height};
  json["first_pair"] = asked.first;
  json["num_pairs"] = asked.end - asked.first;
  Json plan = json;
  plan["archive"] = archive.sha256;
  plan["device"] = device.cuda ? "cuda" : "cpu";  // shards may use several cards of a host
  plan["nets"].erase("label");
  std::filesystem::path resume = report.raw;
  resume += ".resume";
  // An unfinished job was allowed its output when it began.
  if (!std::filesystem::exists(resume, error)) {
    KIT_TRY(CheckWritable(report.raw, job.overwrite));
    KIT_TRY(CheckWritable(manifest_path, job.overwrite));
  }
  KIT_ASSIGN(ResumeFolder folder, ResumeFolder::Open(report.raw, plan, job.overwrite));
  InflateJob work{options, scene, *nets, asked, std::move(folder), DequantizeTrack(scene.pose)};
  const SearchThreads share = ShareThreads(device, threads);
  ConfigureTorch(share.each);
  KIT_TRY(RunShard(work, watchdog, device, share.at_once, progress));

  // The last process to come here joins: it alone finds every group done. Killed at any line, the next one goes on.
  const FolderLock lock(options.folder);
  report.num_pairs = asked.end - asked.first;
  if (!work.folder.exists()) {
    report.pairs_done = report.num_pairs;  // joined by another process in this instant
    return report;
  }
  KIT_ASSIGN(const JoinedGroups joined, GatherGroups(work));
  report.pairs_done = joined.after.size();
  report.pairs_cut = joined.pairs_cut;
  report.search_seconds = joined.seconds;
  if (!joined.after.empty()) {
    report.before = ExactMeans(joined.before);
    report.after = ExactMeans(joined.after);
  }
  if (joined.num_groups < work.num_groups()) return report;

  const std::filesystem::path frames = work.folder.Has(kFrames) ? work.folder.PathOf(kFrames) : report.raw;
  KIT_ASSIGN(const std::string raw_sha256, Sha256HexOfFile(frames));
  KIT_ASSIGN(const uint64_t raw_bytes, FileSize(frames));
  json["archive"] = DescribeFile(std::filesystem::absolute(options.archive), archive.size_bytes, archive.sha256);
  json["raw"] = DescribeFile(report.raw, raw_bytes, raw_sha256);
  json["archive_pairs"] = scene.mask.count;
  // Absent from a run that carried out its plan: such runs agree with one another.
  if (joined.pairs_cut > 0) {
    json["cut_by_time_limit"] = {{"pairs", joined.pairs_cut}, {"limit_seconds", options.time_limit_seconds}};
  }
  json["against_targets"] = {{"before", {{"seg", report.before.seg}, {"pose", report.before.pose}}},
                             {"after", {{"seg", report.after.seg}, {"pose", report.after.pose}}}};
  json["against_targets"]["pairs"] = {{"before", DescribePairs(joined.before)}, {"after", DescribePairs(joined.after)}};
  json["against_targets"]["curve"] = DescribeCurve(joined.curve, static_cast<double>(report.num_pairs));
  json["seconds"] = {{"decode", report.decode_seconds}, {"search", report.search_seconds}};
  report.json = json.dump(2) + "\n";
  KIT_TRY(work.folder.Save(kManifest, report.json));
  KIT_TRY(work.folder.Publish(kManifest, manifest_path));
  KIT_TRY(work.folder.Publish(kFrames, report.raw));
  KIT_TRY(work.folder.Remove());
  return report;
}

}  // namespace kitsink
