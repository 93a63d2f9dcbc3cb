// Inflates an archive to raw frames, group by group, alone or as one of several processes.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "jobs/context.h"
#include "jobs/inflate_groups.h"
#include "kitsink/at_once.h"
#include "kitsink/hash.h"
#include "kitsink/jobs.h"
#include "kitsink/video.h"

namespace kitsink {
namespace {

constexpr const char* kFrames = "frames.raw";

// What one process needs to inflate its groups.
struct InflateJob {
  const InflateOptions& options;
  const JobOptions& job;
  PairSource& source;
  FrameSize frame_size;
  PairRange asked;
  ResumeFolder folder;
  bool archive_is_bad = false;  // pairs of it cannot be decoded

  uint64_t first_group() const { return asked.first / source.group_size(); }
  uint64_t num_groups() const { return (asked.end - 1) / source.group_size() + 1 - first_group(); }
  uint64_t first_pair(uint64_t group) const { return (first_group() + group) * source.group_size(); }

  // A group that got fewer steps than planned counts as done only in a job with a time limit.
  Result<bool> IsDone(uint64_t group) const {
    if (!HasGroup(folder, first_pair(group))) return false;
    KIT_ASSIGN(const GroupRecord record, LoadGroup(folder, first_pair(group)));
    return options.time_limit_seconds > 0 || record.steps_run >= source.planned_steps();
  }

  // Inflates a whole group even when only part of it is asked for, so that a pair's frames do not depend on the range.
  Result<GroupRecord> RunGroup(uint64_t group, RawCanvas& canvas, const PairBudget& budget) {
    GroupRecord record;
    record.first = first_pair(group);
    const size_t count = std::min<uint64_t>(source.group_size(), source.num_pairs() - record.first);
    KIT_ASSIGN(const InflatedPairs pairs, source.Inflate(record.first, count, budget));
    record.step_seconds = pairs.step_seconds;
    record.steps_run = pairs.steps_run;
    record.curve = pairs.curve;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t pair = record.first + i;
      if (pair < asked.first || pair >= asked.end) continue;
      KIT_TRY(canvas.Write(2 * (pair - asked.first), pairs.frames[i].f0));
      KIT_TRY(canvas.Write(2 * (pair - asked.first) + 1, pairs.frames[i].f1));
      ++record.num_pairs;
      if (!pairs.before.empty()) record.before.push_back(pairs.before[i]);
      if (!pairs.after.empty()) record.after.push_back(pairs.after[i]);
    }
    return record;
  }
};

// The unfinished groups of this process's shard.
Result<std::vector<uint64_t>> OpenGroups(const InflateJob& job) {
  const PairRange part = job.options.shard.PartOf(job.num_groups());
  std::vector<uint64_t> open;
  for (uint64_t group = part.first; group < part.end; ++group) {
    KIT_ASSIGN(const bool done, job.IsDone(group));
    if (!done) open.push_back(group);
  }
  if (job.folder.resumed() && open.size() < part.end - part.first) {
    Log(LogLevel::kInfo, "inflate: goes on, " + std::to_string(part.end - part.first - open.size()) + " of " +
                             std::to_string(part.end - part.first) + " groups were done");
  }
  return open;
}

Status RunShard(InflateJob& job, Watchdog& watchdog, Progress& progress) {
  KIT_ASSIGN(const std::vector<uint64_t> open, OpenGroups(job));
  if (open.empty()) return Ok();
  const int at_once = static_cast<int>(std::min<uint64_t>(open.size(), job.source.calls_at_once()));
  std::vector<RawCanvas> canvases;  // one for each worker
  for (int i = 0; i < at_once; ++i) {
    KIT_ASSIGN(RawCanvas canvas,
               RawCanvas::Open(job.folder.PathOf(kFrames), job.frame_size, 2 * (job.asked.end - job.asked.first)));
    canvases.push_back(std::move(canvas));
  }
  const uint64_t group_size = job.source.group_size();
  progress.Begin(job.source.planned_steps() > 0 ? "search" : "render", open.size() * group_size, "pairs");
  std::mutex mutex;  // protects watchdog, progress.Update, job.archive_is_bad and the two variables below
  uint64_t done = 0;
  std::vector<PairDistortion> after;
  const auto run = [&](size_t worker, size_t index) -> Status {
    const Stopwatch watch;
    std::unique_lock lock(mutex);
    const uint64_t in_a_row = (open.size() - index - 1) / static_cast<uint64_t>(at_once) + 1;
    const Watchdog::Share share = watchdog.Next(job.source.planned_steps(), in_a_row);
    lock.unlock();
    const PairBudget budget{share.steps, [&] { return watchdog.Expired(share) || progress.stop_requested(); }};
    const Result<GroupRecord> made = job.RunGroup(open[index], canvases[worker], budget);
    if (!made.ok()) {
      lock.lock();
      job.archive_is_bad = job.archive_is_bad || made.error().code == Code::kCorrupt;
      return made.error();
    }
    const GroupRecord& record = made.value();
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted; the same command goes on from here"};
    // The entry marks the frames as written, so they must reach the disk first.
    KIT_TRY(canvases[worker].Flush());
    KIT_TRY(SaveGroup(job.folder, record));
    lock.lock();
    watchdog.Learn(record.steps_run, record.step_seconds, watch.seconds() - record.step_seconds);
    after.insert(after.end(), record.after.begin(), record.after.end());
    progress.Update(++done * group_size, after.empty() ? "" : FormatTerms(ExactMeans(after)));
    return Ok();
  };
  KIT_TRY(RunAtOnce(open.size(), at_once, run));
  progress.End();
  return Ok();
}

// Adds up what all processes have finished so far.
Result<JoinedGroups> JoinGroups(const InflateJob& job) {
  JoinedGroups joined;
  for (uint64_t group = 0; group < job.num_groups(); ++group) {
    KIT_ASSIGN(const bool done, job.IsDone(group));
    if (!done) continue;
    KIT_ASSIGN(const GroupRecord record, LoadGroup(job.folder, job.first_pair(group)));
    joined.Add(record, job.source.planned_steps());
  }
  return joined;
}

// Paths of the outputs: "<name>.raw" and its manifest. Makes their folder.
Result<JobOutputs> NameOutputs(const InflateOptions& options) {
  std::filesystem::path stem = options.archive;
  if (!stem.has_filename()) stem = stem.parent_path();
  const std::string name = options.name.empty() ? stem.stem().string() : options.name;
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) return Error{Code::kIo, options.folder.string() + ": cannot make the folder: " + error.message()};
  return JobOutputs{options.folder / (name + ".raw"), options.folder / (name + ".json")};
}

Result<PairRange> AskedPairs(const JobOptions& job, uint64_t num_pairs) {
  const PairRange asked = job.pairs.value_or(PairRange{0, num_pairs});
  if (asked.first < asked.end && asked.end <= num_pairs) return asked;
  return Error{Code::kInvalidArgument, "pairs: range " + std::to_string(asked.first) + ":" + std::to_string(asked.end) +
                                           ", the archive has 0:" + std::to_string(num_pairs)};
}

Result<std::unique_ptr<PairSource>> OpenSource(const Member& member, const InflateOptions& options,
                                               const JobOptions& job, Progress& progress) {
  const Result<const CodecFormat*> known = job.codecs.FormatOf(member);
  if (!known.ok()) return Within(options.archive.string(), known.error());
  const CodecFormat* const format = known.value();
  const CodecEngine* const engine = job.codecs.FindEngine(format->id);
  const auto open = format->open != nullptr ? format->open : engine != nullptr ? engine->open : nullptr;
  if (open == nullptr) {
    return Error{Code::kUnsupported, "codec " + std::string(format->name) + " cannot be inflated without the engine"};
  }
  EngineContext context;
  FillContext(job, options.options, progress, context);
  Result<std::unique_ptr<PairSource>> source = open(member, context);
  // The engine may also complain about a net, by its own name.
  if (!source.ok() && format->open != nullptr) return Within(options.archive.string(), source.error());
  return source;
}

// The part of the manifest that is known before the work begins.
Json DescribePlan(const PairSource& source, FrameSize frame_size, const PairRange& asked) {
  Json json = ManifestHead("inflate");
  const Json of_codec = source.manifest();
  for (const auto& [key, value] : of_codec.items()) json[key] = value;
  json["frame_size"] = {frame_size.width, frame_size.height};
  json["first_pair"] = asked.first;
  json["num_pairs"] = asked.end - asked.first;
  return json;
}

// Everything that the entries of the job's folder depend on.
Json PlanOf(Json json, const LoadedArchive& archive) {
  json["archive"] = archive.sha256;
  if (json.contains("nets")) json["nets"].erase("label");
  if (json.contains("device")) {  // shards may use different cards
    json["device"] = json["device"].get<std::string>().starts_with("cuda") ? "cuda" : "cpu";
  }
  return json;
}

void DescribeOriginal(const InflateOptions& options, const LoadedArchive& archive, Json& json) {
  const auto manifest = FindCompressManifest(options.archive, archive.sha256);
  if (!manifest.has_value() || manifest->original.empty()) return;
  json["original"] = DescribeFile(manifest->original, manifest->original_bytes, manifest->original_sha256);
  if (manifest->first_pair.has_value()) json["original"]["first_pair"] = *manifest->first_pair;
}

// Writes the manifest and gives the finished output its final name.
Status Publish(const InflateJob& job, const LoadedArchive& archive, const JoinedGroups& joined, Json json,
               InflateReport& report) {
  const std::filesystem::path frames = job.folder.Has(kFrames) ? job.folder.PathOf(kFrames) : report.raw;
  KIT_ASSIGN(const std::string raw_sha256, Sha256HexOfFile(frames));
  KIT_ASSIGN(const uint64_t raw_bytes, FileSize(frames));
  json["archive"] = DescribeFile(job.options.archive, archive.size_bytes, archive.sha256);
  json["raw"] = DescribeFile(report.raw, raw_bytes, raw_sha256);
  json["archive_pairs"] = job.source.num_pairs();
  DescribeOriginal(job.options, archive, json);
  // Absent when all groups took the planned steps: such runs give equal frames.
  if (joined.pairs_cut > 0) {
    json["cut_by_time_limit"] = {{"pairs", joined.pairs_cut}, {"limit_seconds", job.options.time_limit_seconds}};
  }
  if (!joined.after.empty()) json["against_targets"] = DescribeJoined(joined);
  json["seconds"] = {{"decode", report.decode_seconds}, {"inflate", report.inflate_seconds}};
  report.json = ToText(json);
  return job.folder.Publish(kFrames, report.json);
}

}  // namespace

Result<InflateReport> Inflate(const InflateOptions& options, const JobOptions& job, Progress& progress) {
  Watchdog watchdog(options.time_limit_seconds);
  const Stopwatch watch;
  KIT_ASSIGN(const LoadedArchive archive, job.codecs.Load(options.archive, job.limits));
  KIT_ASSIGN(const std::unique_ptr<PairSource> source, OpenSource(archive.member, options, job, progress));
  KIT_ASSIGN(const PairRange asked, AskedPairs(job, source->num_pairs()));
  InflateReport report;
  report.decode_seconds = watch.seconds();
  report.planned_steps = source->planned_steps();
  report.num_pairs = asked.end - asked.first;

  KIT_ASSIGN(const JobOutputs outputs, NameOutputs(options));
  report.raw = outputs.file;
  const std::filesystem::path inputs[] = {options.archive, options.archive.string() + ".json"};
  KIT_TRY(CheckOutputs(outputs, job.overwrite, inputs));
  const FrameSize frame_size = archive.member.frame_size;
  const Json json = DescribePlan(*source, frame_size, asked);
  KIT_ASSIGN(ResumeFolder folder,
             ResumeFolder::Open(outputs, PlanOf(json, archive), options.shard.role(), job.overwrite));
  InflateJob work{options, job, *source, frame_size, asked, std::move(folder)};
  if (const Status ran = RunShard(work, watchdog, progress); !ran.ok()) {
    if (work.archive_is_bad) static_cast<void>(work.folder.Discard());
    return ran.error();
  }

  // The last process to finish joins the parts, because only it finds every group done. If it is killed, the next
  // process does it.
  const FolderLock lock(options.folder);
  if (!work.folder.exists()) {
    report.pairs_done = report.num_pairs;  // another process has just joined the parts
    return report;
  }
  KIT_ASSIGN(const JoinedGroups joined, JoinGroups(work));
  report.pairs_done = joined.num_pairs;
  report.pairs_cut = joined.pairs_cut;
  report.inflate_seconds = joined.seconds;
  if (!joined.after.empty()) {
    report.before = ExactMeans(joined.before);
    report.after = ExactMeans(joined.after);
  }
  if (joined.num_groups == work.num_groups()) KIT_TRY(Publish(work, archive, joined, json, report));
  return report;
}

}  // namespace kitsink
