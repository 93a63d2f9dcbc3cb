// Scores inflated frames after it has found their archive and their original.

#include <optional>
#include <string>

#include "jobs/clips.h"
#include "jobs/describe_codec.h"
#include "kitsink/hash.h"
#include "kitsink/manifest.h"
#include "kitsink/score_jobs.h"

namespace kitsink {
namespace {

namespace fs = std::filesystem;

// The files of a score.
struct Parties {
  fs::path raw, archive, original;
  uint64_t archive_bytes = 0;
  std::string archive_sha256;
  bool inflated_by_kitsink = false;
  std::optional<PairRange> held;  // pairs of the original in the .raw, as the manifests say
};

// Where frames and archive lie in a submission's folder.
struct Layout {
  fs::path inflated, archive;  // without an archive: `inflated` is not a submission's
};

Layout FindLayout(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path / "inflated", error) && fs::is_regular_file(path / "archive.zip", error)) {
    return {path / "inflated", path / "archive.zip"};
  }
  return {path, {}};
}

// Refuses a .raw that was inflated from another archive.
Status CheckBelongTogether(const std::optional<RawManifest>& manifest, const fs::path& raw, uint64_t raw_bytes,
                           const std::string& archive_sha256) {
  if (!manifest.has_value()) {
    Log(LogLevel::kWarning, raw.string() + ": no manifest beside it, so nothing says which archive it came from");
    return Ok();
  }
  if (manifest->archive_sha256 != archive_sha256) {
    return Error{Code::kInvalidArgument, raw.string() + ": stale: it was inflated from an archive with sha256 " +
                                             manifest->archive_sha256 + ", got one with " + archive_sha256};
  }
  if (manifest->raw_bytes != raw_bytes) {
    return Error{Code::kCorrupt, raw.string() + ": has " + std::to_string(raw_bytes) + " bytes, its manifest says " +
                                     std::to_string(manifest->raw_bytes)};
  }
  return Ok();
}

// The archive that the user names, else the submission's, else the manifest's.
Result<fs::path> ChooseArchive(const ScoreOptions& options, const Layout& layout, const fs::path& raw,
                               const std::optional<RawManifest>& manifest) {
  if (!options.archive.empty()) return options.archive;
  if (!layout.archive.empty()) return layout.archive;
  if (!manifest.has_value()) {
    return Error{Code::kInvalidArgument, raw.string() + ": no manifest beside it, name its archive with --archive"};
  }
  std::error_code error;
  if (fs::exists(manifest->archive_path, error)) return fs::path(manifest->archive_path);
  return Error{Code::kIo, manifest->archive_path.string() +
                              ": is not there any more, though the frames were inflated from it; name it with "
                              "--archive"};
}

// Size and hash of the archive. A folder stands for the zip that was extracted to it.
Status MeasureArchive(const JobOptions& job, Parties& parties) {
  std::error_code error;
  if (fs::is_directory(parties.archive, error)) {
    KIT_ASSIGN(const LoadedArchive loaded, job.codecs.Load(parties.archive, job.limits));
    parties.archive_bytes = loaded.size_bytes;
    parties.archive_sha256 = loaded.sha256;
    return Ok();
  }
  KIT_ASSIGN(parties.archive_bytes, FileSize(parties.archive));
  KIT_ASSIGN(parties.archive_sha256, Sha256HexOfFile(parties.archive));
  return Ok();
}

// Finds the original that the user names, or else the one that the archive was made from, by path and SHA-256.
Status FindOriginal(const ScoreOptions& options, const std::optional<RawManifest>& manifest, Parties& parties) {
  parties.original = options.original;
  if (!parties.original.empty()) return Ok();
  std::string sha256;
  if (manifest.has_value() && !manifest->original.empty()) {
    parties.original = manifest->original;
    sha256 = manifest->original_sha256;
  } else if (const auto made = FindCompressManifest(parties.archive, parties.archive_sha256); made.has_value()) {
    parties.original = made->original;
    sha256 = made->original_sha256;
  }
  if (parties.original.empty()) {
    return Error{Code::kInvalidArgument,
                 parties.raw.string() + ": no manifest names the original video, name it with --original"};
  }
  std::error_code error;
  if (!fs::exists(parties.original, error)) {
    return Error{Code::kIo, parties.original.string() +
                                ": the original is not there any more; if it moved, name it with --original"};
  }
  KIT_ASSIGN(const std::string got, Sha256HexOfFile(parties.original));
  if (got == sha256) return Ok();
  return Error{Code::kInvalidArgument, parties.original.string() +
                                           ": is not the original that the archive was made from, sha256 " + got +
                                           ", expected " + sha256 + "; name the original with --original"};
}

// The pairs of the original that the .raw holds: the manifest of the .raw names pairs of the archive, and the archive's
// manifest names the original's pair with which the archive begins. Nothing when the score is against another original.
Result<std::optional<PairRange>> FindHeld(const std::optional<RawManifest>& manifest, const Parties& parties) {
  if (!manifest.has_value() || manifest->num_pairs == 0) return std::optional<PairRange>();
  std::optional<uint64_t> first = manifest->original_first_pair;
  std::string sha256 = manifest->original_sha256;
  if (const auto made = FindCompressManifest(parties.archive, parties.archive_sha256);
      made.has_value() && !first.has_value()) {
    first = made->first_pair;
    sha256 = made->original_sha256;
  }
  constexpr uint64_t kMax = UINT32_MAX;  // manifests may come from anyone
  if (!first.has_value() || *first > kMax || manifest->first_pair > kMax || manifest->num_pairs > kMax) {
    return std::optional<PairRange>();
  }
  KIT_ASSIGN(const std::string got, Sha256HexOfFile(parties.original));
  if (got != sha256) return std::optional<PairRange>();
  const uint64_t begin = *first + manifest->first_pair;
  return std::optional<PairRange>(PairRange{begin, begin + manifest->num_pairs});
}

Result<Parties> FindParties(const ScoreOptions& options, const JobOptions& job) {
  const Layout layout = FindLayout(options.inflated);
  Parties parties;
  const Result<fs::path> raw = FindRaw(layout.inflated);
  if (!raw.ok()) return Error{raw.error().code, raw.error().message + ", or all of them with --video-names-file"};
  parties.raw = raw.value();
  KIT_ASSIGN(const uint64_t raw_bytes, FileSize(parties.raw));
  KIT_ASSIGN(const std::optional<RawManifest> manifest, LoadManifestBeside(parties.raw));
  KIT_ASSIGN(parties.archive, ChooseArchive(options, layout, parties.raw, manifest));
  KIT_TRY(MeasureArchive(job, parties));
  KIT_TRY(CheckBelongTogether(manifest, parties.raw, raw_bytes, parties.archive_sha256));
  parties.inflated_by_kitsink = manifest.has_value();
  KIT_TRY(FindOriginal(options, manifest, parties));
  KIT_ASSIGN(parties.held, FindHeld(manifest, parties));
  return parties;
}

void DescribeArchiveOf(const Parties& parties, const JobOptions& job, ScoreReport& report) {
  report.score.archive_bytes = parties.archive_bytes;
  report.archive_sha256 = parties.archive_sha256;
  report.archive_name = parties.archive.string();
  report.made = DescribeMaking(parties.raw, parties.archive, parties.archive_sha256);
  DescribeCodec(IdentifyCodec(parties.archive, job), parties.inflated_by_kitsink, report);
}

// Scores the frames of one clip.
Status ScoreOne(const ScoreOptions& options, const JobOptions& job, Nets& nets, ScoreReport& report,
                Progress& progress) {
  KIT_ASSIGN(const Parties parties, FindParties(options, job));
  KIT_ASSIGN(report.score.original_bytes, VideoFileSize(parties.original));
  const ClipRequest request{.video = parties.original,
                            .raw = parties.raw,
                            .ground_truth = options.ground_truth,
                            .pairs = job.pairs,
                            .held = parties.held,
                            .batch_size = options.batch_size,
                            .use_cache = options.use_cache,
                            .may_name_pairs = true,
                            .limits = job.limits};
  KIT_ASSIGN(ClipScore clip, ScoreClip(request, nets, progress));
  report.original_sha256 = clip.video_sha256;
  report.total_pairs = clip.total_pairs;
  report.first_pair = clip.first_pair;
  report.raw_first_pair = clip.raw_first_pair;
  report.num_pairs = clip.pairs.size();
  DescribeArchiveOf(parties, job, report);
  report.from_cache = true;
  AddGroundTruth(clip, report);
  report.pairs = clip.pairs;
  report.batch_size = options.batch_size;
  FillMeans(std::span(&clip.pairs, 1), nets.device(), options.batch_size, report);
  report.original_name = parties.original.string();
  report.inflated_name = parties.raw.string();
  return Ok();
}

// The archive that the frames of all clips come from.
Result<Parties> FindPartiesOf(const ClipList& list, const ScoreOptions& options, const Layout& layout,
                              const JobOptions& job) {
  Parties parties;
  for (const Clip& clip : list.clips) {
    KIT_ASSIGN(const uint64_t raw_bytes, FileSize(clip.raw));
    KIT_ASSIGN(const std::optional<RawManifest> manifest, LoadManifestBeside(clip.raw));
    if (parties.archive.empty()) {
      KIT_ASSIGN(parties.archive, ChooseArchive(options, layout, clip.raw, manifest));
      KIT_TRY(MeasureArchive(job, parties));
      parties.raw = clip.raw;
    }
    KIT_TRY(CheckBelongTogether(manifest, clip.raw, raw_bytes, parties.archive_sha256));
    parties.inflated_by_kitsink = parties.inflated_by_kitsink || manifest.has_value();
  }
  return parties;
}

// Scores the frames of all clips of a names file together, as evaluate does after inflate.sh.
Status ScoreAll(const ScoreOptions& options, const JobOptions& job, Nets& nets, ScoreReport& report,
                Progress& progress) {
  if (!options.original.empty() || job.pairs.has_value()) {
    return Error{Code::kInvalidArgument,
                 "a names file says which originals are scored, and all their pairs are: "
                 "neither --original nor --pairs goes with it"};
  }
  const Layout layout = FindLayout(options.inflated);
  KIT_ASSIGN(const ClipList list, ReadClipList(options.video_names_file, options.uncompressed_dir, layout.inflated));
  KIT_TRY(CheckInflated(list));
  KIT_ASSIGN(const Parties parties, FindPartiesOf(list, options, layout, job));
  KIT_TRY(CheckOriginals(list, options.ground_truth, job.limits));
  DescribeArchiveOf(parties, job, report);
  return ScoreClipList(list, {options.ground_truth, options.batch_size, options.use_cache, job.limits}, nets, report,
                       progress);
}

}  // namespace

Result<ScoreReport> RunScore(const ScoreOptions& options, const JobOptions& job, Progress& progress) {
  const Stopwatch watch;
  if (options.batch_size < 1) return Error{Code::kInvalidArgument, "batch size: must be at least 1"};
  ScoreReport report;
  ConfigureTorch(job.threads);
  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));
  DescribeJudges(*nets, options.ground_truth, report);
  const auto score = options.video_names_file.empty() ? ScoreOne : ScoreAll;
  KIT_TRY(score(options, job, *nets, report, progress));
  report.seconds = watch.seconds();
  return report;
}

}  // namespace kitsink
