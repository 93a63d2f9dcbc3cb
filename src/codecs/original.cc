// Reads the original for compress, and keeps what the nets read in the job's folder.

#include "codecs/original.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "codecs/entries.h"
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
  const uint64_t count = original.num_pairs;
  const auto entry_of = [](uint64_t first) { return "observed-" + std::to_string(first); };
  const uint64_t num_batches = (count + kUpstreamBatchSize - 1) / kUpstreamBatchSize;
  const PairRange own = folder.crew().shard().PartOf(num_batches);
  const PairStream stream = [&original] { return original.pairs.Next(); };
  progress.Begin("observe", count, "pairs");
  uint64_t read = 0;
  for (uint64_t batch = 0;; ++batch) {
    KIT_ASSIGN(const std::vector<FramePair> frames, NextPairs(stream, kUpstreamBatchSize));
    if (frames.empty()) break;
    if (batch >= own.first && batch < own.end && !folder.Has(entry_of(read))) {
      KIT_ASSIGN(const std::vector<Observation> pairs, nets.Observe(frames));
      KIT_TRY(folder.Save(entry_of(read), PackBatch(pairs)));
    }
    read += frames.size();
    progress.Update(read, "");
    if (progress.stop_requested()) return Interrupted();
  }
  progress.End();
  if (read != count) {
    return Error{Code::kIo, "video: changed while it was read: had " + std::to_string(count) + " pairs, now " +
                                std::to_string(read)};
  }
  KIT_TRY(folder.crew().Wait());
  std::vector<Observation> targets;
  while (targets.size() < count) {
    KIT_ASSIGN(const Bytes bytes, folder.Load(entry_of(targets.size())));
    const auto size = static_cast<size_t>(std::min<uint64_t>(kUpstreamBatchSize, count - targets.size()));
    KIT_ASSIGN(std::vector<Observation> pairs, UnpackBatch(bytes, size));
    std::ranges::move(pairs, std::back_inserter(targets));
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
