// Reads the original for compress.

#include "codecs/video/observe.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "kitsink/bytes.h"
#include "kitsink/kernels.h"
#include "kitsink/scorer.h"

namespace kitsink::video {
namespace {

Bytes PackBatch(std::span<const Observation> pairs) {
  ByteWriter writer;
  for (const Observation& pair : pairs) {
    for (const float value : pair.pose) writer.F32(value);
    writer.Append(pair.class_map);
  }
  return writer.Take();
}

Result<std::vector<Observation>> UnpackBatch(std::span<const uint8_t> bytes, size_t count) {
  ByteReader reader(bytes);
  std::vector<Observation> pairs(count);
  for (Observation& pair : pairs) {
    for (float& value : pair.pose) value = reader.F32();
    const std::span<const uint8_t> map = reader.Take(size_t{kModelGrid.width} * kModelGrid.height);
    pair.class_map.assign(map.begin(), map.end());
  }
  KIT_TRY(reader.Finish("observed pairs"));
  return pairs;
}

}  // namespace

Result<std::vector<Observation>> ObserveClip(PairReader& reader, uint64_t num_pairs, Nets& nets,
                                             const ResumeFolder& folder, Progress& progress) {
  std::vector<Observation> targets;
  progress.Begin("observe", num_pairs, "pairs");
  const PairStream stream = [&reader] { return reader.Next(); };
  for (;;) {
    KIT_ASSIGN(const std::vector<FramePair> frames, NextPairs(stream, kUpstreamBatchSize));
    if (frames.empty()) break;
    const std::string entry = "observed-" + std::to_string(targets.size());
    std::vector<Observation> pairs;
    if (folder.Has(entry)) {
      KIT_ASSIGN(const Bytes bytes, folder.Load(entry));
      KIT_ASSIGN(pairs, UnpackBatch(bytes, frames.size()));
    } else {
      KIT_ASSIGN(pairs, nets.Observe(frames));
      KIT_TRY(folder.Save(entry, PackBatch(pairs)));
    }
    std::ranges::move(pairs, std::back_inserter(targets));
    progress.Update(targets.size(), "");
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted; the same command goes on from here"};
  }
  progress.End();
  if (targets.size() != num_pairs) {
    return Error{Code::kIo, "video: changed while it was read: had " + std::to_string(num_pairs) + " pairs, now " +
                                std::to_string(targets.size())};
  }
  return targets;
}

Status ForEachGridFrame(const CompressContext& context, const PairRange& range,
                        const std::function<Status(const Frame&)>& use) {
  KIT_ASSIGN(PairReader reader, PairReader::Open(context.video, range, context.limits, Remarks::kNone));
  const Resizer to_grid(reader.frame_size(), kModelGrid, Interpolation::kBilinear, FastRowKernels());
  for (;;) {
    KIT_ASSIGN(const std::optional<FramePair> pair, reader.Next());
    if (!pair.has_value()) return Ok();
    for (const Frame* const frame : {&pair->f0, &pair->f1}) {
      const std::vector<float> values(frame->rgb.begin(), frame->rgb.end());
      KIT_TRY(use(to_grid.Resize(values, {}, context.threads)));
    }
  }
}

}  // namespace kitsink::video
