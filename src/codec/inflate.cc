#include <algorithm>
#include <string>
#include <system_error>

#include "codec/components.h"
#include "codec/manifest.h"
#include "codec/stopwatch.h"
#include "kitsink/codec.h"
#include "kitsink/hash.h"
#include "kitsink/video.h"

namespace kitsink {
namespace {

std::vector<PairTarget> TargetsOf(const Scene& scene, std::span<const float> poses, size_t first, size_t count) {
  std::vector<PairTarget> targets(count);
  for (size_t i = 0; i < count; ++i) {
    targets[i].class_map = scene.mask.map(first + i);
    std::copy_n(poses.begin() + static_cast<std::ptrdiff_t>(6 * (first + i)), 6, targets[i].pose.begin());
  }
  return targets;
}

Status CheckScene(const Scene& scene) {
  if (scene.mask.width != kModelGrid.width || scene.mask.height != kModelGrid.height || scene.mask.num_classes != 5) {
    return Error{Code::kUnsupported, "archive: class maps of " + std::to_string(scene.mask.width) + " x " +
                                         std::to_string(scene.mask.height) + " with " +
                                         std::to_string(scene.mask.num_classes) +
                                         " classes, the search needs 512 x 384 with 5"};
  }
  if (scene.pose.num_columns != 6) {
    return Error{Code::kUnsupported,
                 "archive: poses of " + std::to_string(scene.pose.num_columns) + " values, the search needs 6"};
  }
  if (!scene.selectors.tails.empty()) {
    return Error{Code::kUnsupported, "archive: carries selector tails, which this version does not apply"};
  }
  return Ok();
}

}  // namespace

Result<InflateReport> Inflate(const InflateOptions& options, const JobOptions& job, Progress& progress) {
  std::filesystem::path stem = options.archive;
  if (!stem.has_filename()) stem = stem.parent_path();
  const std::string name = options.name.empty() ? stem.stem().string() : options.name;
  KIT_ASSIGN(const Bytes member, LoadMember(options.archive, job.limits));
  const bool from_zip = !std::filesystem::is_directory(options.archive);
  std::string archive_sha256;
  uint64_t archive_bytes = 0;
  if (from_zip) {
    KIT_ASSIGN(archive_sha256, Sha256HexOfFile(options.archive));
    KIT_ASSIGN(archive_bytes, FileSize(options.archive));
  } else {
    KIT_ASSIGN(const Bytes zip, PackZip(member));
    archive_sha256 = Sha256Hex(zip);
    archive_bytes = zip.size();
  }

  InflateReport report;
  Stopwatch watch;
  const int threads = ConfigureTorch(job.threads);
  KIT_ASSIGN(const Scene scene, DecodeMember(member, threads, job.limits, progress));
  KIT_TRY(CheckScene(scene));
  const PairRange asked = job.pairs.value_or(PairRange{0, scene.mask.count});
  if (asked.first >= asked.end || asked.end > scene.mask.count) {
    return Error{Code::kInvalidArgument, "pairs: range " + std::to_string(asked.first) + ":" +
                                             std::to_string(asked.end) +
                                             ", the archive has 0:" + std::to_string(scene.mask.count)};
  }
  report.decode_seconds = watch.seconds();

  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));
  KIT_ASSIGN(const std::unique_ptr<Renderer> renderer, MakeRenderer(scene, device));
  const std::vector<float> poses = DequantizeTrack(scene.pose);

  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) return Error{Code::kIo, options.folder.string() + ": cannot make the folder: " + error.message()};
  report.raw = options.folder / (name + ".raw");
  const std::filesystem::path manifest_path = options.folder / (name + ".json");
  KIT_TRY(CheckWritable(manifest_path, job.overwrite));
  KIT_ASSIGN(RawWriter writer, RawWriter::Create(report.raw, scene.frame_size, job.overwrite));

  report.num_pairs = asked.end - asked.first;
  watch = Stopwatch();
  Sha256 raw_hash;
  std::vector<PairDistortion> before;
  std::vector<PairDistortion> after;
  progress.Begin(options.search.steps > 0 ? "search" : "render", report.num_pairs, "pairs");
  for (size_t first = asked.first; first < asked.end; first += options.batch_size) {
    const size_t count = std::min<size_t>(options.batch_size, asked.end - first);
    KIT_ASSIGN(std::vector<FramePair> rendered, renderer->Render(first, count));
    const std::vector<PairTarget> targets = TargetsOf(scene, poses, first, count);
    KIT_ASSIGN(const std::vector<SearchedPair> searched,
               SearchFrames(std::move(rendered), targets, *nets, options.search));
    for (const SearchedPair& pair : searched) {
      KIT_TRY(writer.Write(pair.frames.f0));
      KIT_TRY(writer.Write(pair.frames.f1));
      raw_hash.Update(pair.frames.f0.rgb);
      raw_hash.Update(pair.frames.f1.rgb);
      before.push_back(pair.before);
      after.push_back(pair.after);
    }
    progress.Update(after.size(), FormatMeans(ExactMeans(after)));
    if (progress.stop_requested()) return Error{Code::kIo, "interrupted"};
  }
  progress.End();
  report.search_seconds = watch.seconds();
  report.before = ExactMeans(before);
  report.after = ExactMeans(after);

  Json json = ManifestHead("inflate", nets->info(), device);
  json["archive"] = DescribeFile(std::filesystem::absolute(options.archive), archive_bytes, archive_sha256);
  json["raw"] = DescribeFile(report.raw, writer.num_frames() * scene.frame_size.size_bytes(), raw_hash.FinishHex());
  json["frame_size"] = {scene.frame_size.width, scene.frame_size.height};
  json["first_pair"] = asked.first;
  json["num_pairs"] = report.num_pairs;
  json["archive_pairs"] = scene.mask.count;
  json["options"] = {{"prepass_steps", options.search.prepass_steps},
                     {"steps", options.search.steps},
                     {"repair_steps", options.search.repair_steps},
                     {"batch", options.batch_size},
                     {"learning_rate", options.search.learning_rate},
                     {"margin", options.search.margin},
                     {"seg_weight", options.search.seg_weight},
                     {"pose_weight", options.search.pose_weight},
                     {"threads", threads}};
  json["against_targets"] = {{"before", {{"seg", report.before.seg}, {"pose", report.before.pose}}},
                             {"after", {{"seg", report.after.seg}, {"pose", report.after.pose}}}};
  json["seconds"] = {{"decode", report.decode_seconds}, {"search", report.search_seconds}};
  report.json = json.dump(2) + "\n";
  KIT_ASSIGN(OutputFile manifest, OutputFile::Create(manifest_path, job.overwrite));
  KIT_TRY(manifest.Write(report.json));
  KIT_TRY(writer.Commit());
  KIT_TRY(manifest.Commit());
  return report;
}

}  // namespace kitsink
