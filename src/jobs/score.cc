// Scores inflated frames after it has found their archive and their original.

#include <optional>
#include <string>

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
};

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

// Finds the archive that the user names, or else the manifest. A folder stands for the zip that was extracted to it.
Status FindArchive(const ScoreOptions& options, const std::optional<RawManifest>& manifest, const Limits& limits,
                   Parties& parties) {
  parties.archive = options.archive;
  std::error_code error;
  if (parties.archive.empty()) {
    if (!manifest.has_value()) {
      return Error{Code::kInvalidArgument,
                   parties.raw.string() + ": no manifest beside it, name its archive with --archive"};
    }
    parties.archive = manifest->archive_path;
    if (!fs::exists(parties.archive, error)) {
      return Error{Code::kIo, parties.archive.string() +
                                  ": is not there any more, though the frames were inflated from it; name it with "
                                  "--archive"};
    }
  }
  if (fs::is_directory(parties.archive, error)) {
    KIT_ASSIGN(const LoadedArchive loaded, LoadArchive(parties.archive, limits));
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

Result<Parties> FindParties(const ScoreOptions& options, const Limits& limits) {
  Parties parties;
  KIT_ASSIGN(parties.raw, FindRaw(options.inflated));
  KIT_ASSIGN(const uint64_t raw_bytes, FileSize(parties.raw));
  KIT_ASSIGN(const std::optional<RawManifest> manifest, LoadManifestBeside(parties.raw));
  KIT_TRY(FindArchive(options, manifest, limits, parties));
  KIT_TRY(CheckBelongTogether(manifest, parties.raw, raw_bytes, parties.archive_sha256));
  KIT_TRY(FindOriginal(options, manifest, parties));
  return parties;
}

}  // namespace

Result<ScoreReport> RunScore(const ScoreOptions& options, const JobOptions& job, Progress& progress) {
  const Stopwatch watch;
  KIT_ASSIGN(const Parties parties, FindParties(options, job.limits));
  ScoreReport report;
  report.score.archive_bytes = parties.archive_bytes;
  report.archive_sha256 = parties.archive_sha256;
  KIT_ASSIGN(report.score.original_bytes, VideoFileSize(parties.original));

  ConfigureTorch(job.threads);
  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));
  const ClipRequest request{.video = parties.original,
                            .raw = parties.raw,
                            .ground_truth = options.ground_truth,
                            .pairs = job.pairs,
                            .use_cache = options.use_cache,
                            .may_name_pairs = true,
                            .limits = job.limits};
  KIT_ASSIGN(ClipScore clip, ScoreClip(request, *nets, progress));
  report.original_sha256 = clip.video_sha256;
  report.total_pairs = clip.total_pairs;
  report.first_pair = job.pairs.value_or(PairRange{}).first;
  report.num_pairs = clip.pairs.size();
  DescribeJudges(*nets, options.ground_truth, report);
  DescribeCodec(IdentifyCodec(parties.archive, job), report);
  report.from_cache = true;
  AddGroundTruth(clip, report);
  report.pairs = clip.pairs;
  FillMeans(std::span(&clip.pairs, 1), kUpstreamBatchSize, report);
  report.original_name = parties.original.string();
  report.inflated_name = parties.raw.string();
  report.archive_name = parties.archive.string();
  report.made = DescribeMaking(parties.raw, parties.archive, report.archive_sha256);
  report.seconds = watch.seconds();
  return report;
}

}  // namespace kitsink
