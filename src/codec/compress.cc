#include <algorithm>
#include <string>

#include "codec/manifest.h"
#include "codec/pairs.h"
#include "codec/stopwatch.h"
#include "kitsink/codec.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

struct ObservedClip {
  FrameSize frame_size;
  MaskClip mask;
  std::vector<float> poses;  // count x 6
};

// Reads the clip once: class maps and poses for the scene, teacher logits for the fitter.
Result<ObservedClip> ObserveClip(PairReader& reader, Nets& nets, WeightFitter& fitter, Progress& progress,
                                 const Limits& limits) {
  constexpr size_t kBatch = 4;
  ObservedClip clip;
  clip.frame_size = reader.frame_size();
  clip.mask.width = kModelGrid.width;
  clip.mask.height = kModelGrid.height;
  clip.mask.num_classes = 5;
  progress.Begin("observe", reader.estimated_pairs(), "pairs");
  std::vector<FramePair> batch;
  for (bool more = true; more;) {
    KIT_ASSIGN(std::optional<FramePair> pair, reader.Next());
    more = pair.has_value();
    if (more) batch.push_back(std::move(*pair));
    if (batch.size() < kBatch && more) continue;
    if (batch.empty()) break;
    if (clip.mask.count + batch.size() > limits.max_pairs) {
      return Error{Code::kLimit, "video: more than " + std::to_string(limits.max_pairs) + " pairs"};
    }
    KIT_ASSIGN(const std::vector<Observation> observations, nets.Observe(batch));
    KIT_TRY(fitter.AddPairs(batch));
    for (const Observation& observation : observations) {
      clip.mask.ids.insert(clip.mask.ids.end(), observation.class_map.begin(), observation.class_map.end());
      clip.poses.insert(clip.poses.end(), observation.pose.begin(), observation.pose.end());
    }
    clip.mask.count += static_cast<uint32_t>(batch.size());
    batch.clear();
    progress.Update(clip.mask.count, "");
    if (progress.stop_requested()) return Error{Code::kIo, "interrupted"};
  }
  progress.End();
  return clip;
}

}  // namespace

GeneratorShape ShapeFor(GeneratorSize size, uint64_t num_pairs) {
  // A short clip cannot earn back the 58 kB of the full generator: 1 kB of it costs what a thousandth of the
  // original does. The thresholds follow the bytes of w against those of a typical original per pair.
  if (size == GeneratorSize::kAuto) {
    size = num_pairs < 64 ? GeneratorSize::kTiny : num_pairs < 300 ? GeneratorSize::kSmall : GeneratorSize::kFull;
  }
  GeneratorShape shape;
  if (size == GeneratorSize::kTiny) {
    shape.trunk = 16;
    shape.down = 24;
    shape.condition = 16;
    shape.head = 16;
  } else if (size == GeneratorSize::kSmall) {
    shape.trunk = 32;
    shape.down = 40;
    shape.condition = 32;
    shape.head = 32;
  }
  return shape;
}

Result<CompressReport> Compress(const CompressOptions& options, const JobOptions& job, Progress& progress) {
  KIT_TRY(CheckWritable(options.archive, job.overwrite));
  const std::filesystem::path manifest_path = options.archive.string() + ".json";
  KIT_TRY(CheckWritable(manifest_path, job.overwrite));
  const PairRange range = job.pairs.value_or(PairRange{});
  KIT_ASSIGN(PairReader reader, PairReader::Open(options.video, range, job.limits));
  CompressReport report;
  KIT_ASSIGN(report.original_bytes, FileSize(options.video));
  KIT_ASSIGN(const std::string original_sha256, Sha256HexOfFile(options.video));
  const int threads = ConfigureTorch(job.threads);
  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));

  FitOptions fit = options.fit;
  fit.shape = ShapeFor(options.generator, reader.estimated_pairs());
  KIT_ASSIGN(const std::unique_ptr<WeightFitter> fitter, WeightFitter::Create(*nets, fit));
  Stopwatch watch;
  KIT_ASSIGN(ObservedClip clip, ObserveClip(reader, *nets, *fitter, progress, job.limits));
  report.num_pairs = clip.mask.count;
  report.observe_seconds = watch.seconds();

  Scene scene;
  scene.frame_size = clip.frame_size;
  scene.mask = std::move(clip.mask);
  KIT_ASSIGN(scene.pose, ChooseTrack(clip.poses, 6, job.limits));
  watch = Stopwatch();
  KIT_ASSIGN(scene.weights, fitter->Fit(scene.mask, scene.pose, progress));
  report.fit_seconds = watch.seconds();

  watch = Stopwatch();
  const ArchiveOptions archive_options{.mask_level = options.mask_level, .threads = threads};
  KIT_ASSIGN(const Bytes member, EncodeMember(scene, archive_options, job.limits, progress));
  KIT_ASSIGN(const Bytes zip, PackZip(member));
  report.encode_seconds = watch.seconds();
  KIT_ASSIGN(report.anatomy, ReadAnatomy(member, job.limits));
  report.archive_bytes = zip.size();
  report.archive_sha256 = Sha256Hex(zip);

  KIT_ASSIGN(OutputFile archive_file, OutputFile::Create(options.archive, job.overwrite));
  KIT_TRY(archive_file.Write(zip));
  // The archive must say what we meant before it gets its name.
  KIT_ASSIGN(const Scene decoded, DecodeMember(member, threads, job.limits, progress));
  if (!(decoded == scene)) {
    return Error{Code::kInternal, "archive: decoding it again gave other integers than were encoded"};
  }

  Json json = ManifestHead("compress", nets->info(), device);
  json["original"] = DescribeFile(options.video, report.original_bytes, original_sha256);
  json["archive"] = DescribeFile(options.archive, report.archive_bytes, report.archive_sha256);
  json["frame_size"] = {clip.frame_size.width, clip.frame_size.height};
  json["first_pair"] = range.first;
  json["num_pairs"] = report.num_pairs;
  json["streams"] = {{"header", report.anatomy.header_bytes},
                     {"m", report.anatomy.mask_bytes},
                     {"w", report.anatomy.weights_bytes},
                     {"p", report.anatomy.pose_bytes},
                     {"r", report.anatomy.selectors_bytes}};
  json["options"] = {{"seed", fit.seed},
                     {"fit_steps", fit.steps},
                     {"fit_batch", fit.batch_size},
                     {"generator", {fit.shape.trunk, fit.shape.down, fit.shape.condition, fit.shape.head}},
                     {"mask_level", options.mask_level},
                     {"threads", threads}};
  json["seconds"] = {
      {"observe", report.observe_seconds}, {"fit", report.fit_seconds}, {"encode", report.encode_seconds}};
  report.json = json.dump(2) + "\n";
  KIT_ASSIGN(OutputFile manifest_file, OutputFile::Create(manifest_path, job.overwrite));
  KIT_TRY(manifest_file.Write(report.json));
  KIT_TRY(archive_file.Commit());
  KIT_TRY(manifest_file.Commit());
  return report;
}

}  // namespace kitsink
