// Does what the contest's evaluate.sh and evaluate.py do, but reports what they silently get wrong.

#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include "jobs/child.h"
#include "jobs/clips.h"
#include "jobs/describe_codec.h"
#include "kitsink/archive.h"
#include "kitsink/hash.h"
#include "kitsink/manifest.h"
#include "kitsink/score_jobs.h"

namespace kitsink {
namespace {

namespace fs = std::filesystem;

// The manifest that kitsink inflate writes; missing for other submissions.
fs::path ManifestPath(const Clip& clip) { return fs::path(clip.raw).replace_extension(".json"); }

// A path as Python's pathlib prints it: without ".", doubled or trailing slashes, but with "..".
std::string PythonPath(const std::string& path) {
  std::string text = path.starts_with("//") && !path.starts_with("///") ? "//" : path.starts_with('/') ? "/" : "";
  const size_t root = text.size();
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") text += (text.size() > root ? "/" : "") + part;
    begin = end + 1;
  }
  return text.empty() ? "." : text;
}

// The working folder as a shell's `pwd` prints it: by the name under which the user came there.
fs::path WorkingFolder() {
  std::error_code error;
  const fs::path physical = fs::current_path(error);
  const char* const logical = getenv("PWD");
  const bool fits = logical != nullptr && *logical == '/' && fs::equivalent(logical, physical, error) && !error;
  return fits ? fs::path(logical) : physical;
}

// evaluate.sh names what the user did not name by absolute paths in its own folder, the checkout. Here this is the
// working folder.
EvaluateOptions Complete(EvaluateOptions options) {
  const fs::path checkout = WorkingFolder();
  for (const auto& [path, name] : {std::pair{&options.submission_dir, "submissions/baseline"},
                                   {&options.uncompressed_dir, "videos"},
                                   {&options.video_names_file, "public_test_video_names.txt"}}) {
    if (path->empty()) *path = (checkout / name).string();
  }
  options.submission_dir = PythonPath(options.submission_dir);
  if (options.report.empty()) options.report = (fs::path(options.submission_dir) / "report.txt").string();
  return options;
}

// Upstream's arguments in the order of their names.
std::string ConfigText(const EvaluateOptions& options) {
  std::string text = "=== Evaluation config ===\n";
  const auto line = [&text](const char* name, const std::string& value) {
    text.append("  ").append(name).append(": ").append(value).append("\n");
  };
  line("batch_size", std::to_string(options.batch_size));
  line("device", options.device);
  line("num_threads", std::to_string(options.num_threads));
  line("prefetch_queue_depth", std::to_string(options.prefetch_queue_depth));
  line("report", PythonPath(options.report));
  line("seed", std::to_string(options.seed));
  line("submission_dir", options.submission_dir);
  line("uncompressed_dir", PythonPath(options.uncompressed_dir));
  line("video_names_file", PythonPath(options.video_names_file));
  return text;
}

// The files of an evaluation.
struct Submission {
  fs::path archive, archive_folder, inflated;
  std::string script;
  ClipList list;
};

// Everything that can be known before the submission runs: a mistake in a path must not cost half an hour, nor the
// frames of an earlier run.
Result<Submission> CheckSubmission(const EvaluateOptions& options, const JobOptions& job) {
  const fs::path folder = options.submission_dir;
  Submission submission{folder / "archive.zip", folder / "archive", folder / "inflated",
                        (folder / "inflate.sh").string(), ClipList()};
  KIT_TRY(CheckWritable(options.report, Overwrite::kAllow));
  KIT_TRY(ReadBegin(submission.script, 1));
  KIT_ASSIGN(submission.list, ReadClipList(options.video_names_file, options.uncompressed_dir, submission.inflated));
  KIT_TRY(CheckOriginals(submission.list, options.ground_truth, job.limits));
  KIT_TRY(ListZip(submission.archive, job.limits));
  return submission;
}

// Extracts the archive into a new folder, as upstream does, then removes the frames of an earlier run, which upstream
// keeps. Returns those that it removed.
Result<std::vector<fs::path>> Prepare(const Submission& submission, const Limits& limits) {
  std::error_code error;
  fs::remove_all(submission.archive_folder, error);
  if (!error) fs::create_directories(submission.archive_folder, error);
  if (error) return Error{Code::kIo, submission.archive_folder.string() + ": cannot renew it: " + error.message()};
  KIT_TRY(ExtractZip(submission.archive, submission.archive_folder, limits));
  fs::create_directories(submission.inflated, error);
  if (error) return Error{Code::kIo, submission.inflated.string() + ": cannot make the folder: " + error.message()};
  std::vector<fs::path> removed;
  for (const Clip& clip : submission.list.clips) {
    for (const fs::path& path : {clip.raw, ManifestPath(clip)}) {
      const bool was_there = fs::remove(path, error);
      if (error)
        return Error{Code::kIo, path.string() + ": cannot remove what an earlier run left: " + error.message()};
      if (!was_there) continue;
      Log(LogLevel::kInfo, path.string() + ": removed, it was there before this run");
      removed.push_back(path);
    }
  }
  return removed;
}

// What kitsink's own inflate.sh needs and finds in the contest's checkout, but perhaps not here.
std::vector<Setting> SettingsOfScript(const Nets& nets) {
  std::error_code error;
  return {{"KITSINK_NETS", fs::absolute(nets.info().folder).string()},
          {"KITSINK_EVALUATOR", fs::read_symlink("/proc/self/exe", error).string()}};
}

Result<double> InflateSubmission(const EvaluateOptions& options, const Submission& submission,
                                 const std::vector<fs::path>& removed, const Nets& nets, Progress& progress) {
  // As upstream: the names file as an absolute path, the folders as they were given.
  const std::vector<std::string> command = {"bash", submission.script, submission.archive_folder.string(),
                                            submission.inflated.string(),
                                            fs::absolute(options.video_names_file).string()};
  KIT_ASSIGN(const ChildOutcome outcome,
             RunChild(command, SettingsOfScript(nets), options.time_limit_seconds, progress));
  if (outcome.timed_out) {
    char text[64];
    std::snprintf(text, sizeof(text), "%g", options.time_limit_seconds);
    return Error{Code::kLimit, submission.script + ": still running after its time limit of " + text + " s, stopped"};
  }
  if (outcome.exit_code != 0) {
    return Error{Code::kIo, submission.script + ": failed with exit code " + std::to_string(outcome.exit_code)};
  }
  for (const Clip& clip : submission.list.clips) {
    std::error_code error;
    if (fs::is_regular_file(clip.raw, error)) continue;
    const bool was_stale = std::find(removed.begin(), removed.end(), clip.raw) != removed.end();
    return Error{Code::kIo, submission.script + ": ended well, but did not write " + clip.raw.string() +
                                (was_stale ? "; upstream would have scored the stale one of an earlier run" : "")};
  }
  return outcome.seconds;
}

// True when kitsink's inflate made the frames of any clip. Manifests of earlier runs were removed.
bool WasInflatedByKitsink(const ClipList& list) {
  return std::any_of(list.clips.begin(), list.clips.end(), [](const Clip& clip) {
    const Result<std::optional<RawManifest>> manifest = LoadManifestBeside(clip.raw);
    return manifest.ok() && manifest.value().has_value();
  });
}

Status WriteReport(const std::string& path, const std::string& text) {
  KIT_ASSIGN(OutputFile file, OutputFile::Create(path, Overwrite::kAllow));
  KIT_TRY(file.Write(text));
  return file.Commit();
}

}  // namespace

Result<EvaluateReport> RunEvaluate(const EvaluateOptions& given, const JobOptions& job, Progress& progress) {
  if (given.batch_size < 1) return Error{Code::kInvalidArgument, "batch size: must be at least 1"};
  const EvaluateOptions options = Complete(given);
  EvaluateReport result;
  ScoreReport& report = result.score;

  KIT_ASSIGN(const Submission submission, CheckSubmission(options, job));
  KIT_ASSIGN(report.score.archive_bytes, FileSize(submission.archive));
  KIT_ASSIGN(report.archive_sha256, Sha256HexOfFile(submission.archive));
  report.archive_name = submission.archive.string();
  ConfigureTorch(job.threads);
  KIT_ASSIGN(const Device device, ParseDevice(options.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));
  DescribeJudges(*nets, options.ground_truth, report);

  KIT_ASSIGN(const std::vector<fs::path> removed, Prepare(submission, job.limits));
  KIT_ASSIGN(report.inflate_seconds, InflateSubmission(options, submission, removed, *nets, progress));

  const Stopwatch watch;
  const ClipListOptions how{options.ground_truth, static_cast<size_t>(options.batch_size), options.use_cache,
                            job.limits};
  KIT_TRY(ScoreClipList(submission.list, how, *nets, report, progress));
  DescribeCodec(IdentifyCodec(submission.archive, job), WasInflatedByKitsink(submission.list), report);
  report.made = DescribeMaking(submission.list.clips[0].raw, submission.archive, report.archive_sha256);
  report.seconds = watch.seconds();
  result.text = ConfigText(options) + FormatUpstreamResults(report) + FormatUpstreamRemarks(report);
  KIT_TRY(WriteReport(options.report, result.text));
  return result;
}

}  // namespace kitsink
