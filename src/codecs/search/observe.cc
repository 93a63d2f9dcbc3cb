// Observes a video with the nets, pair by pair, and keeps the results in the job's folder.

#include "codecs/search/observe.h"

#include <optional>
#include <span>
#include <string>

#include "codecs/entries.h"
#include "kitsink/bytes.h"

namespace kitsink::search {
namespace {

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

Result<TeacherReading> LoadReading(const ResumeFolder& folder, uint64_t pair) {
  KIT_ASSIGN(const Bytes bytes, folder.Load(TargetEntry(pair)));
  return UnpackReading(bytes);
}

void AddToClip(const Observation& observation, ObservedClip& clip) {
  clip.mask.ids.insert(clip.mask.ids.end(), observation.class_map.begin(), observation.class_map.end());
  clip.poses.insert(clip.poses.end(), observation.pose.begin(), observation.pose.end());
  ++clip.mask.count;
}

}  // namespace

Result<ObservedClip> ObserveClip(Original& original, Nets& nets, const ResumeFolder& folder,
                                 const CodingContext& context) {
  Progress& progress = *context.progress;
  ObservedClip clip;
  clip.frame_size = original.pairs.frame_size();
  clip.mask.width = kModelGrid.width;
  clip.mask.height = kModelGrid.height;
  clip.mask.num_classes = kNumClasses;
  const uint64_t count = original.num_pairs;
  const PairRange own = folder.crew().shard().PartOf(count);
  progress.Begin("observe", count, "pairs");
  uint64_t read = 0;
  for (;;) {
    KIT_ASSIGN(const std::optional<FramePair> pair, original.pairs.Next());
    if (!pair.has_value()) break;
    if (read >= own.first && read < own.end && !folder.Has(TargetEntry(read))) {
      KIT_ASSIGN(const std::vector<TeacherReading> readings, ReadTeacher(nets, std::span(&*pair, 1)));
      KIT_TRY(folder.Save(TargetEntry(read), PackReading(readings[0])));
    }
    progress.Update(++read, "");
    if (progress.stop_requested()) return Interrupted();
  }
  progress.End();
  if (read != count) {
    return Error{Code::kIo, "video: changed while it was read: had " + std::to_string(count) + " pairs, now " +
                                std::to_string(read)};
  }
  KIT_TRY(folder.crew().Wait());
  clip.mask.ids.reserve(count * clip.mask.map_bytes());
  for (uint64_t pair = 0; pair < count; ++pair) {
    KIT_ASSIGN(const TeacherReading reading, LoadReading(folder, pair));
    AddToClip(reading.observation, clip);
  }
  return clip;
}

Result<std::vector<uint16_t>> TeacherLogits(const ResumeFolder& folder, size_t pair) {
  KIT_ASSIGN(TeacherReading reading, LoadReading(folder, pair));
  return std::move(reading.logits);
}

}  // namespace kitsink::search
