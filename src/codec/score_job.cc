#include <algorithm>
#include <string>

#include "codec/manifest.h"
#include "codec/pairs.h"
#include "codec/stopwatch.h"
#include "kitsink/codec.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

// The .raw itself, or the only .raw of a folder.
Result<std::filesystem::path> FindRaw(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return path;
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.path().extension() == ".raw") found.push_back(entry.path());
  }
  if (found.size() != 1) {
    return Error{Code::kInvalidArgument, path.string() + ": holds " + std::to_string(found.size()) +
                                             " .raw files, expected one; name the file"};
  }
  return found.front();
}

// What the manifest beside the .raw knows; absent when there is no manifest.
Result<std::optional<RawManifest>> ManifestOf(const std::filesystem::path& raw) {
  std::filesystem::path path = raw;
  path.replace_extension(".json");
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::optional<RawManifest>();
  KIT_ASSIGN(const RawManifest manifest, LoadRawManifest(path));
  return std::optional<RawManifest>(manifest);
}

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
  KIT_ASSIGN(const std::optional<RawManifest> manifest, ManifestOf(raw_path));
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
  KIT_ASSIGN(report.original_sha256, Sha256HexOfFile(options.original));

  const PairRange range = job.pairs.value_or(PairRange{});
  KIT_ASSIGN(PairReader original, PairReader::Open(options.original, range, job.limits));
  KIT_ASSIGN(RawReader raw, RawReader::Open(raw_path, original.frame_size()));
  if (raw.num_frames() % 2 != 0) {
    return Error{Code::kCorrupt,
                 raw_path.string() + ": has " + std::to_string(raw.num_frames()) + " frames, expected an even number"};
  }
  // A part of the clip is scored either from a .raw of the whole clip or from one that holds just that part.
  const uint64_t raw_pairs = raw.num_frames() / 2;
  const bool raw_is_part = job.pairs.has_value() && raw_pairs == range.end - range.first;
  const uint64_t offset = raw_is_part ? 0 : range.first;
  const uint64_t end = std::min(raw_pairs, offset + (range.end - range.first));

  ConfigureTorch(job.threads);
  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));
  uint64_t next = offset;
  const PairSource inflated_pairs = [&raw, &next, end]() -> Result<std::optional<FramePair>> {
    if (next >= end) return std::optional<FramePair>();
    KIT_ASSIGN(Frame f0, raw.Read(2 * next));
    KIT_ASSIGN(Frame f1, raw.Read(2 * next + 1));
    ++next;
    return std::optional<FramePair>(FramePair{std::move(f0), std::move(f1)});
  };
  const PairSource original_pairs = [&original] { return original.Next(); };
  KIT_ASSIGN(report.pairs, MeasureDistortion(original_pairs, inflated_pairs, *nets, kUpstreamBatchSize, progress,
                                             end - std::min(offset, end)));

  KIT_ASSIGN(report.total_pairs, original.CountAllPairs());
  if (!raw_is_part && raw_pairs != report.total_pairs) {
    return Error{Code::kCorrupt, raw_path.string() + ": has " + std::to_string(raw_pairs) +
                                     " pairs, the original has " + std::to_string(report.total_pairs)};
  }

  const MeanDistortion exact = ExactMeans(report.pairs);
  const MeanDistortion upstream = UpstreamMeans(report.pairs, kUpstreamBatchSize);
  report.score.seg = exact.seg;
  report.score.pose = exact.pose;
  report.upstream = report.score;
  report.upstream.seg = upstream.seg;
  report.upstream.pose = upstream.pose;
  report.num_pairs = report.pairs.size();
  report.nets_bytes = nets->info().size_bytes();
  report.nets_label = nets->info().label;
  report.segnet_sha256 = nets->info().segnet_sha256;
  report.posenet_sha256 = nets->info().posenet_sha256;
  report.original_name = options.original.string();
  report.inflated_name = raw_path.string();
  report.archive_name = archive.string();
  report.device = device.ToString();
  report.torch = TorchDescription();
  report.ground_truth = "decoded by FFmpeg, upstream's BT.601 conversion";
  report.seconds = watch.seconds();
  return report;
}

}  // namespace kitsink
