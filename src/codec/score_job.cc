#include <string>

#include "codec/clip_score.h"
#include "codec/manifest.h"
#include "codec/stopwatch.h"
#include "kitsink/codec.h"
#include "kitsink/hash.h"
#include "kitsink/manifest.h"

namespace kitsink {
namespace {

// A .raw and an archive that do not belong together must not be scored together.
Status CheckBelongTogether(const std::optional<RawManifest>& manifest, const std::filesystem::path& raw,
                           uint64_t raw_bytes, const std::string& archive_sha256) {
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

}  // namespace

Result<ScoreReport> RunScore(const ScoreOptions& options, const JobOptions& job, Progress& progress) {
  const Stopwatch watch;
  KIT_ASSIGN(const std::filesystem::path raw_path, FindRaw(options.inflated));
  KIT_ASSIGN(const uint64_t raw_bytes, FileSize(raw_path));
  KIT_ASSIGN(const std::optional<RawManifest> manifest, LoadManifestBeside(raw_path));
  std::filesystem::path archive = options.archive;
  if (archive.empty()) {
    if (!manifest.has_value()) {
      return Error{Code::kInvalidArgument,
                   raw_path.string() + ": no manifest beside it, name its archive with --archive"};
    }
    archive = manifest->archive_path;
  }
  ScoreReport report;
  KIT_ASSIGN(report.score.archive_bytes, FileSize(archive));
  KIT_ASSIGN(report.archive_sha256, Sha256HexOfFile(archive));
  KIT_TRY(CheckBelongTogether(manifest, raw_path, raw_bytes, report.archive_sha256));
  KIT_ASSIGN(report.score.original_bytes, FileSize(options.original));

  ConfigureTorch(job.threads);
  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));
  const ClipRequest request{.video = options.original,
                            .raw = raw_path,
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
  report.from_cache = true;
  AddGroundTruth(clip, report);
  report.pairs = clip.pairs;
  FillMeans(std::span(&clip.pairs, 1), kUpstreamBatchSize, report);
  report.original_name = options.original.string();
  report.inflated_name = raw_path.string();
  report.archive_name = archive.string();
  report.made = DescribeMaking(raw_path, archive, report.archive_sha256);
  report.seconds = watch.seconds();
  return report;
}

}  // namespace kitsink
