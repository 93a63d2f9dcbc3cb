// Does what the contest's evaluate.sh and evaluate.py do, but reports what they silently get wrong.

#include <algorithm>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include "jobs/child.h"
#include "jobs/describe_codec.h"
#include "kitsink/archive.h"
#include "kitsink/hash.h"
#include "kitsink/manifest.h"
#include "kitsink/score_jobs.h"

namespace kitsink {
namespace {

namespace fs = std::filesystem;

// One line of the names file.
struct Clip {
  std::string name;
  fs::path video, raw;
  bool had_old_raw = false;
};

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

// Upstream's arguments in the order of their names.
std::string ConfigText(const EvaluateOptions& options, const std::string& report) {
  std::string text = "=== Evaluation config ===\n";
  const auto line = [&text](const char* name, const std::string& value) {
    text.append("  ").append(name).append(": ").append(value).append("\n");
  };
  line("batch_size", std::to_string(options.batch_size));
  line("device", options.device);
  line("num_threads", std::to_string(options.num_threads));
  line("prefetch_queue_depth", std::to_string(options.prefetch_queue_depth));
  line("report", PythonPath(report));
  line("seed", std::to_string(options.seed));
  line("submission_dir", PythonPath(options.submission_dir));
  line("uncompressed_dir", PythonPath(options.uncompressed_dir));
  line("video_names_file", PythonPath(options.video_names_file));
  return text;
}

std::string Strip(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Result<std::vector<Clip>> ReadNames(const EvaluateOptions& options, const fs::path& inflated,
                                    std::vector<std::string>& notes) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(options.video_names_file, 1 << 20));
  const std::string text(bytes.begin(), bytes.end());
  std::vector<Clip> clips;
  size_t blank = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string name = Strip(text.substr(begin, end - begin));
    begin = end + 1;
    const fs::path path = name;
    if (name.empty()) {
      ++blank;
      continue;
    }
    if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end()) {
      return Error{Code::kInvalidArgument, options.video_names_file + ": \"" + name + "\" leads out of its folder"};
    }
    // inflate.sh must write the shell's ${name%.*}.raw.
    const size_t dot = name.rfind('.');
    clips.push_back({name, options.uncompressed_dir / path, inflated / (name.substr(0, dot) + ".raw")});
  }
  if (clips.empty()) return Error{Code::kInvalidArgument, options.video_names_file + ": names no video"};
  if (blank > 0) {
    notes.push_back(options.video_names_file + " has " + std::to_string(blank) +
                    " blank lines, left out here; upstream's evaluate.py takes them for videos and stops");
  }
  return clips;
}

// Upstream counts every file below the folder as original, so that an unrelated file lowers the rate.
Result<uint64_t> BytesBelow(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->is_regular_file()) bytes += entry->file_size();
  }
  if (error) return Error{Code::kIo, folder.string() + ": cannot list the folder: " + error.message()};
  return bytes;
}

// Removes the files of an earlier run: the extracted archive, as upstream does, and the frames, which upstream keeps.
Status Prepare(const fs::path& archive_folder, const fs::path& inflated, std::vector<Clip>& clips) {
  std::error_code error;
  fs::remove_all(archive_folder, error);
  if (!error) fs::create_directories(archive_folder, error);
  if (error) return Error{Code::kIo, archive_folder.string() + ": cannot renew the folder: " + error.message()};
  for (Clip& clip : clips) {
    clip.had_old_raw = fs::remove(clip.raw, error);
    if (error) return Error{Code::kIo, clip.raw.string() + ": cannot remove the old frames: " + error.message()};
    if (clip.had_old_raw) Log(LogLevel::kInfo, clip.raw.string() + ": removed, it was there before this run");
    fs::remove(ManifestPath(clip), error);
    if (error) return Error{Code::kIo, ManifestPath(clip).string() + ": cannot remove it: " + error.message()};
  }
  fs::create_directories(inflated, error);
  if (error) return Error{Code::kIo, inflated.string() + ": cannot make the folder: " + error.message()};
  return Ok();
}

Result<double> InflateSubmission(const EvaluateOptions& options, const fs::path& archive_folder,
                                 const fs::path& inflated, const std::vector<Clip>& clips, Progress& progress) {
  const std::string script = (fs::path(options.submission_dir) / "inflate.sh").string();
  // As upstream: the names file as an absolute path, the folders as they were given.
  const std::string names = fs::absolute(options.video_names_file).string();
  KIT_ASSIGN(const ChildOutcome outcome, RunChild({"bash", script, archive_folder.string(), inflated.string(), names},
                                                  options.time_limit_seconds, progress));
  if (outcome.timed_out) {
    char text[64];
    std::snprintf(text, sizeof(text), "%g", options.time_limit_seconds);
    return Error{Code::kLimit, script + ": still running after its time limit of " + text + " s, stopped"};
  }
  if (outcome.exit_code != 0) {
    return Error{Code::kIo, script + ": failed with exit code " + std::to_string(outcome.exit_code)};
  }
  for (const Clip& clip : clips) {
    std::error_code error;
    if (fs::is_regular_file(clip.raw, error)) continue;
    return Error{Code::kIo,
                 script + ": ended well, but did not write " + clip.raw.string() +
                     (clip.had_old_raw ? "; upstream would have scored the stale one of an earlier run" : "")};
  }
  return outcome.seconds;
}

// For several videos, the dump option names a folder with one dump for each.
GroundTruthOptions GroundTruthOf(const EvaluateOptions& options, const Clip& clip) {
  std::error_code error;
  if (!fs::is_directory(options.ground_truth.dump, error)) return options.ground_truth;
  return {options.ground_truth.dump / fs::path(clip.name).replace_extension(".raw")};
}

Status ScoreClips(const EvaluateOptions& options, const JobOptions& job, const std::vector<Clip>& clips, Nets& nets,
                  ScoreReport& report, Progress& progress) {
  std::vector<std::vector<PairDistortion>> pairs;
  report.from_cache = true;
  for (const Clip& clip : clips) {
    const ClipRequest request{.video = clip.video,
                              .raw = clip.raw,
                              .ground_truth = GroundTruthOf(options, clip),
                              .pairs = std::nullopt,
                              .batch_size = static_cast<size_t>(options.batch_size),
                              .use_cache = options.use_cache,
                              .limits = job.limits};
    KIT_ASSIGN(ClipScore score, ScoreClip(request, nets, progress));
    KIT_ASSIGN(const uint64_t video_bytes, FileSize(clip.video));
    report.score.original_bytes += video_bytes;
    report.total_pairs += score.total_pairs;
    const auto append = [](std::string& list, const std::string& item) { list += (list.empty() ? "" : ", ") + item; };
    append(report.original_name, clip.video.string());
    append(report.original_sha256, score.video_sha256);
    append(report.inflated_name, clip.raw.string());
    AddGroundTruth(score, report);
    report.pairs.insert(report.pairs.end(), score.pairs.begin(), score.pairs.end());
    pairs.push_back(std::move(score.pairs));
  }
  report.num_pairs = report.pairs.size();
  FillMeans(pairs, static_cast<size_t>(options.batch_size), report);
  return Ok();
}

// Notes the score that upstream would report if it counted unrelated files as original.
Status NoteStrays(const EvaluateOptions& options, ScoreReport& report) {
  KIT_ASSIGN(const uint64_t all_bytes, BytesBelow(options.uncompressed_dir));
  if (all_bytes <= report.score.original_bytes) return Ok();
  Score counted = report.upstream;
  counted.original_bytes = all_bytes;
  char text[64];
  std::snprintf(text, sizeof(text), "%.8f instead of %.8f", counted.total(), report.upstream.total());
  report.notes.push_back(options.uncompressed_dir + " holds " +
                         std::to_string(all_bytes - report.score.original_bytes) +
                         " bytes in files that are not named; upstream would count them as original and score " + text);
  return Ok();
}

}  // namespace

Result<EvaluateReport> RunEvaluate(const EvaluateOptions& options, const JobOptions& job, Progress& progress) {
  if (options.batch_size < 1) return Error{Code::kInvalidArgument, "batch size: must be at least 1"};
  const fs::path submission = PythonPath(options.submission_dir);
  const fs::path archive = submission / "archive.zip";
  const fs::path archive_folder = submission / "archive";
  const fs::path inflated = submission / "inflated";
  const std::string report_path = options.report.empty() ? (submission / "report.txt").string() : options.report;
  KIT_TRY(CheckWritable(report_path, Overwrite::kAllow));

  EvaluateReport result;
  ScoreReport& report = result.score;
  KIT_ASSIGN(report.score.archive_bytes, FileSize(archive));
  KIT_ASSIGN(report.archive_sha256, Sha256HexOfFile(archive));
  KIT_TRY(FileSize(submission / "inflate.sh"));
  KIT_ASSIGN(std::vector<Clip> clips, ReadNames(options, inflated, report.notes));
  for (const Clip& clip : clips) KIT_TRY(VideoFileSize(clip.video));
  KIT_TRY(Prepare(archive_folder, inflated, clips));
  KIT_TRY(ExtractZip(archive, archive_folder, job.limits));
  KIT_ASSIGN(report.inflate_seconds, InflateSubmission(options, archive_folder, inflated, clips, progress));

  const Stopwatch watch;
  ConfigureTorch(job.threads);
  KIT_ASSIGN(const Device device, ParseDevice(options.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));
  DescribeJudges(*nets, options.ground_truth, report);
  KIT_TRY(ScoreClips(options, job, clips, *nets, report, progress));
  report.archive_name = archive.string();
  report.batch_size = static_cast<size_t>(options.batch_size);
  DescribeCodec(IdentifyCodec(archive, job), report);
  report.made = DescribeMaking(clips[0].raw, archive, report.archive_sha256);
  KIT_TRY(NoteStrays(options, report));
  report.seconds = watch.seconds();
  result.text = ConfigText(options, report_path) + FormatUpstreamResults(report);
  KIT_ASSIGN(OutputFile file, OutputFile::Create(report_path, Overwrite::kAllow));
  KIT_TRY(file.Write(result.text));
  KIT_TRY(file.Commit());
  return result;
}

}  // namespace kitsink
