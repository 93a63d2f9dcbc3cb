// Reads the original for compress, and keeps what the nets read in the job's folder.

#include "codecs/original.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "kitsink/bytes.h"
#include "kitsink/kernels.h"

namespace kitsink {
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

Result<Original> OpenOriginal(const CompressContext& context) {
  KIT_ASSIGN(GroundTruth pairs, GroundTruth::Open(context.video, context.ground_truth, context.pairs, context.limits));
  if (context.ground_truth.dump.empty()) {
    KIT_ASSIGN(const uint64_t count, CountPairs(context.video, context.pairs, context.limits, *context.progress));
    return Original{std::move(pairs), count};
  }
  KIT_ASSIGN(const uint64_t all, pairs.CountAllPairs());
  return Original{std::move(pairs), std::min(all, context.pairs.end) - context.pairs.first};
}

Result<std::vector<Observation>> ObserveOriginal(Original& original, Nets& nets, const ResumeFolder& folder,
                                                 Progress& progress) {
  std::vector<Observation> targets;
  progress.Begin("observe", original.num_pairs, "pairs");
  const PairStream stream = [&original] { return original.pairs.Next(); };
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
  if (targets.size() != original.num_pairs) {
    return Error{Code::kIo, "video: changed while it was read: had " + std::to_string(original.num_pairs) +
                                " pairs, now " + std::to_string(targets.size())};
  }
  return targets;
}

Status ForEachGridPair(const CompressContext& context, const PairRange& range,
                       const std::function<Status(const FramePair&)>& use) {
  KIT_ASSIGN(GroundTruth pairs, GroundTruth::Open(context.video, context.ground_truth, range, context.limits));
  const Resizer to_grid(pairs.frame_size(), kModelGrid, Interpolation::kBilinear, FastRowKernels());
  for (;;) {
    KIT_ASSIGN(const std::optional<FramePair> pair, pairs.Next());
    if (!pair.has_value()) return Ok();
    FramePair small;
    for (const auto& [frame, resized] : {std::pair{&pair->f0, &small.f0}, {&pair->f1, &small.f1}}) {
      const std::vector<float> values(frame->rgb.begin(), frame->rgb.end());
      *resized = to_grid.Resize(values, {}, context.threads);
    }
    KIT_TRY(use(small));
  }
}

}  // namespace kitsink
