#include <algorithm>
#include <mutex>
#include <string>

#include "codec/components.h"
#include "codec/manifest.h"
#include "codec/pairs.h"
#include "codec/resume.h"
#include "codec/search_threads.h"
#include "codec/stopwatch.h"
#include "codec/watchdog.h"
#include "kitsink/at_once.h"
#include "kitsink/codec.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

constexpr const char* kFitState = "fit";
constexpr const char* kArchive = "archive.zip";
constexpr const char* kManifest = "manifest.json";

struct ObservedClip {
  FrameSize frame_size;
  MaskClip mask;
  std::vector<float> poses;  // count x 6
};

std::string TargetEntry(uint64_t pair) { return "target-" + std::to_string(pair); }

Bytes PackReading(const TeacherReading& reading) {
  ByteWriter writer;
  for (const float value : reading.observation.pose) writer.F32(value);
  writer.Append(reading.observation.class_map);
  for (const uint16_t value : reading.logits) writer.U16(value);
  return writer.Take();
}

Result<TeacherReading> UnpackReading(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  TeacherReading reading;
  for (float& value : reading.observation.pose) value = reader.F32();
  const std::span<const uint8_t> map = reader.Take(size_t{kModelGrid.width} * kModelGrid.height);
  reading.observation.class_map.assign(map.begin(), map.end());
  reading.logits.resize(reader.remaining() / 2);
  for (uint16_t& value : reading.logits) value = reader.U16();
  KIT_TRY(reader.Finish("target"));
  return reading;
}

void AddToClip(const TeacherReading& reading, WeightFitter& fitter, ObservedClip& clip) {
  const Observation& observation = reading.observation;
  fitter.AddPair(reading);
  clip.mask.ids.insert(clip.mask.ids.end(), observation.class_map.begin(), observation.class_map.end());
  clip.poses.insert(clip.poses.end(), observation.pose.begin(), observation.pose.end());
  ++clip.mask.count;
}

// Reads the clip once: class maps and poses for the scene, teacher logits for the fitter. Pairs that an earlier job
// has read are decoded and passed over.
Result<ObservedClip> ObserveClip(PairReader& reader, Nets& nets, const ResumeFolder& folder, WeightFitter& fitter,
                                 Progress& progress, const Limits& limits) {
  ObservedClip clip;
  clip.frame_size = reader.frame_size();
  clip.mask.width = kModelGrid.width;
  clip.mask.height = kModelGrid.height;
  clip.mask.num_classes = 5;
  progress.Begin("observe", reader.estimated_pairs(), "pairs");
  for (;;) {
    KIT_ASSIGN(const std::optional<FramePair> pair, reader.Next());
    if (!pair.has_value()) break;
    if (clip.mask.count == limits.max_pairs) {
      return Error{Code::kLimit, "video: more than " + std::to_string(limits.max_pairs) + " pairs"};
    }
    const std::string entry = TargetEntry(clip.mask.count);
    if (folder.Has(entry)) {
      KIT_ASSIGN(const Bytes bytes, folder.Load(entry));
      KIT_ASSIGN(const TeacherReading reading, UnpackReading(bytes));
      AddToClip(reading, fitter, clip);
    } else {
      KIT_ASSIGN(const std::vector<TeacherReading> readings, ReadTeacher(nets, std::span(&*pair, 1)));
      KIT_TRY(folder.Save(entry, PackReading(readings[0])));
      AddToClip(readings[0], fitter, clip);
    }
    progress.Update(clip.mask.count, "");
    if (progress.stop_requested()) return Error{Code::kIo, "interrupted; the same command goes on from here"};
  }
  progress.End();
  return clip;
}

// Searches the pairs of a scene as inflate will, with selector codes of one's choice.
class Player {
 public:
  static Result<Player> Create(const Scene& scene, const ObservedClip& clip, Nets& nets, const ResumeFolder& folder,
                               uint64_t num_searches, int at_once, Progress& progress) {
    Player player(scene, clip, nets, folder, num_searches, progress);
    for (int i = 0; i < at_once; ++i) {
      KIT_ASSIGN(std::unique_ptr<Renderer> renderer, MakeRenderer(scene, nets.device()));
      player.renderers_.push_back(std::move(renderer));
    }
    progress.Begin("selectors", num_searches, "searches");
    return player;
  }

  Result<std::vector<PairDistortion>> Play(std::span<const PairCodes> codes) {
    std::vector<PairDistortion> distortions(codes.size());
    std::mutex mutex;  // of what is counted and shown
    const auto play = [&](size_t worker, size_t pair) -> Status {
      const Stopwatch watch;
      KIT_ASSIGN(const bool kept, LoadKept(pair, codes[pair], distortions[pair]));
      if (!kept) {
        KIT_ASSIGN(distortions[pair], Search(*renderers_[worker], pair, codes[pair]));
        ByteWriter writer;
        writer.F32(distortions[pair].seg);
        writer.F32(distortions[pair].pose);
        KIT_TRY(folder_.Save(EntryOf(pair, codes[pair]), writer.Take()));
      }
      const std::lock_guard lock(mutex);
      if (!kept && !estimated_) Estimate(watch.seconds());
      progress_.Update(++done_, "");
      return Ok();
    };
    KIT_TRY(RunAtOnce(codes.size(), static_cast<int>(renderers_.size()), play));
    return distortions;
  }

 private:
  Player(const Scene& scene, const ObservedClip& clip, Nets& nets, const ResumeFolder& folder, uint64_t num_searches,
         Progress& progress)
      : scene_(scene),
        clip_(clip),
        nets_(nets),
        folder_(folder),
        num_searches_(num_searches),
        progress_(progress),
        poses_(DequantizeTrack(scene.pose)) {}

  static std::string EntryOf(size_t pair, PairCodes codes) {
    return "play-" + std::to_string(pair) + "-" + std::to_string(codes.start_seed) + "-" +
           std::to_string(codes.pose_factor) + "-" + std::to_string(codes.loss_control);
  }

  // False when no earlier job searched the pair with these codes.
  Result<bool> LoadKept(size_t pair, PairCodes codes, PairDistortion& distortion) const {
    if (!folder_.Has(EntryOf(pair, codes))) return false;
    KIT_ASSIGN(const Bytes bytes, folder_.Load(EntryOf(pair, codes)));
    ByteReader reader(bytes);
    distortion = {reader.F32(), reader.F32()};
    KIT_TRY(reader.Finish("searched pair"));
    return true;
  }

  // A user who cannot wait so long should know at once.
  void Estimate(double seconds) {
    estimated_ = true;
    const double total = seconds * static_cast<double>(num_searches_ - done_) / static_cast<double>(renderers_.size());
    Log(total > 600 ? LogLevel::kWarning : LogLevel::kInfo,
        "selectors: " + std::to_string(num_searches_ - done_) + " searches of " + std::to_string(seconds) + " s, " +
            std::to_string(renderers_.size()) + " at once, about " + FormatClock(total) + " (h:mm:ss) in all");
  }

  Result<PairDistortion> Search(Renderer& renderer, size_t pair, PairCodes codes) const {
    PairTarget target{scene_.mask.map(pair), {}, codes};
    std::copy_n(poses_.begin() + static_cast<std::ptrdiff_t>(6 * pair), 6, target.pose.begin());
    SearchOptions options;
    options.stop = [this] { return progress_.stop_requested(); };
    KIT_ASSIGN(std::vector<FramePair> rendered, renderer.Render(pair, 1));
    KIT_ASSIGN(const std::vector<SearchedPair> searched,
               SearchFrames(std::move(rendered), std::span(&target, 1), nets_, options));
    if (progress_.stop_requested()) return Error{Code::kIo, "interrupted; the same command goes on from here"};
    KIT_ASSIGN(const std::vector<Observation> got, nets_.Observe(std::span(&searched[0].frames, 1)));
    Observation original{{target.class_map.begin(), target.class_map.end()}, {}};
    std::copy_n(clip_.poses.begin() + static_cast<std::ptrdiff_t>(6 * pair), 6, original.pose.begin());
    return ComparePair(original, got[0]);
  }

  const Scene& scene_;
  const ObservedClip& clip_;
  Nets& nets_;
  const ResumeFolder& folder_;
  uint64_t num_searches_;
  Progress& progress_;
  std::vector<float> poses_;
  std::vector<std::unique_ptr<Renderer>> renderers_;  // one for each search at once
  uint64_t done_ = 0;
  bool estimated_ = false;
};

Result<SelectorChoice> ChooseTails(const Scene& scene, const ObservedClip& clip, SelectorEffort effort,
                                   double score_per_byte, Nets& nets, const ResumeFolder& folder, int threads,
                                   Progress& progress) {
  if (effort == SelectorEffort::kNone) return SelectorChoice();
  const SearchThreads share = ShareThreads(nets.device(), threads);  // as inflate does
  ConfigureTorch(share.each);
  KIT_ASSIGN(Player player, Player::Create(scene, clip, nets, folder, CountSearches(scene.mask.count, effort),
                                           share.at_once, progress));
  KIT_ASSIGN(SelectorChoice choice,
             ChooseSelectors(scene.mask.count, effort, score_per_byte,
                             [&player](std::span<const PairCodes> codes) { return player.Play(codes); }));
  progress.End();
  return choice;
}

Result<Bytes> LoadIfThere(const ResumeFolder& folder, const std::string& entry) {
  if (!folder.Has(entry)) return Bytes();
  return folder.Load(entry);
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
  const std::filesystem::path manifest_path = options.archive.string() + ".json";
  std::error_code ignored;
  // An unfinished job was allowed its output when it began.
  if (!std::filesystem::exists(options.archive.string() + ".resume", ignored)) {
    KIT_TRY(CheckWritable(options.archive, job.overwrite));
    KIT_TRY(CheckWritable(manifest_path, job.overwrite));
  }
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

  Json json = ManifestHead("compress", nets->info(), device);
  json["original"] = DescribeFile(options.video, report.original_bytes, original_sha256);
  json["first_pair"] = range.first;
  const char* const efforts[] = {"none", "fast", "full"};
  json["options"] = {{"seed", fit.seed},
                     {"fit_steps", fit.steps},
                     {"fit_batch", fit.batch_size},
                     {"generator", {fit.shape.trunk, fit.shape.down, fit.shape.condition, fit.shape.head}},
                     {"mask_level", options.mask_level},
                     {"selectors", efforts[static_cast<int>(options.selectors)]},
                     {"threads", threads}};
  Json plan = json;
  plan["original"].erase("path");
  plan["nets"].erase("label");
  plan["end_pair"] = range.end;
  KIT_ASSIGN(const ResumeFolder folder, ResumeFolder::Open(options.archive, plan, job.overwrite));

  KIT_ASSIGN(const std::unique_ptr<WeightFitter> fitter, WeightFitter::Create(*nets, reader.frame_size(), fit));
  Stopwatch watch;
  KIT_ASSIGN(ObservedClip clip, ObserveClip(reader, *nets, folder, *fitter, progress, job.limits));
  report.num_pairs = clip.mask.count;
  report.observe_seconds = watch.seconds();

  Scene scene;
  scene.frame_size = clip.frame_size;
  scene.mask = std::move(clip.mask);
  KIT_ASSIGN(scene.pose, ChooseTrack(clip.poses, 6, job.limits));
  watch = Stopwatch();
  FitCheckpoint checkpoint;
  KIT_ASSIGN(checkpoint.saved, LoadIfThere(folder, kFitState));
  checkpoint.save = [&folder](std::span<const uint8_t> bytes) { return folder.Save(kFitState, bytes); };
  KIT_ASSIGN(scene.weights, fitter->Fit(scene.mask, scene.pose, checkpoint, progress));
  report.fit_seconds = watch.seconds();
  watch = Stopwatch();
  const double score_per_byte = 25.0 / static_cast<double>(report.original_bytes);
  KIT_ASSIGN(SelectorChoice choice,
             ChooseTails(scene, clip, options.selectors, score_per_byte, *nets, folder, threads, progress));
  scene.selectors = std::move(choice.table);
  report.tails = std::move(choice.gains);
  report.selector_seconds = watch.seconds();

  watch = Stopwatch();
  const ArchiveOptions archive_options{.mask_level = options.mask_level, .threads = threads};
  KIT_ASSIGN(const Bytes member, EncodeMember(scene, archive_options, job.limits, progress));
  KIT_ASSIGN(const Bytes zip, PackZip(member));
  report.encode_seconds = watch.seconds();
  KIT_ASSIGN(report.anatomy, ReadAnatomy(member, job.limits));
  report.archive_bytes = zip.size();
  report.archive_sha256 = Sha256Hex(zip);
  KIT_TRY(folder.Save(kArchive, zip));
  // The archive must say what we meant before it gets its name.
  KIT_ASSIGN(const Scene decoded, DecodeMember(member, threads, job.limits, progress));
  if (!(decoded == scene)) {
    return Error{Code::kInternal, "archive: decoding it again gave other integers than were encoded"};
  }

  json["archive"] = DescribeFile(options.archive, report.archive_bytes, report.archive_sha256);
  json["frame_size"] = {clip.frame_size.width, clip.frame_size.height};
  json["num_pairs"] = report.num_pairs;
  json["streams"] = {{"header", report.anatomy.header_bytes},
                     {"m", report.anatomy.mask_bytes},
                     {"w", report.anatomy.weights_bytes},
                     {"p", report.anatomy.pose_bytes},
                     {"r", report.anatomy.selectors_bytes}};
  for (const TailGain& tail : report.tails) {
    json["tails"].push_back({{"tail", TailTag(tail.kind)},
                             {"bytes", tail.bytes},
                             {"bytes_in_score", score_per_byte * static_cast<double>(tail.bytes)},
                             {"gain_in_score", tail.gain},
                             {"kept", tail.kept}});
  }
  json["seconds"] = {{"observe", report.observe_seconds},
                     {"fit", report.fit_seconds},
                     {"selectors", report.selector_seconds},
                     {"encode", report.encode_seconds}};
  report.json = json.dump(2) + "\n";
  KIT_TRY(folder.Save(kManifest, report.json));
  KIT_TRY(folder.Publish(kManifest, manifest_path));
  KIT_TRY(folder.Publish(kArchive, options.archive));
  KIT_TRY(folder.Remove());
  return report;
}

}  // namespace kitsink
