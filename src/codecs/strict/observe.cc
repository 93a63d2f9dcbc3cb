// Observes a video with the nets, pair by pair, and keeps the results in the job's folder.

#include "codecs/strict/observe.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "kitsink/bytes.h"
#include "kitsink/kernels.h"
#include "kitsink/scorer.h"

namespace kitsink::strict {
namespace {

struct ObservedPair {
  Observation observation;
  // Of each class: the sums of red, green and blue over its pixels, in float32, and their number.
  std::array<std::array<float, 4>, kNumClasses> sums{};
};

void AddColours(const Frame& f1, const Resizer& to_grid, ObservedPair& pair) {
  const std::vector<float> picture(f1.rgb.begin(), f1.rgb.end());
  const Frame small = to_grid.Resize(picture, {}, 1);
  std::array<std::array<uint64_t, 4>, kNumClasses> sums{};
  for (size_t i = 0; i < pair.observation.class_map.size(); ++i) {
    std::array<uint64_t, 4>& sum = sums[pair.observation.class_map[i]];
    for (size_t c = 0; c < 3; ++c) sum[c] += small.rgb[3 * i + c];
    ++sum[3];
  }
  for (size_t k = 0; k < sums.size(); ++k) {
    for (size_t i = 0; i < sums[k].size(); ++i) pair.sums[k][i] = static_cast<float>(sums[k][i]);
  }
}

// A batch of the scorer.
Result<std::vector<ObservedPair>> ObserveBatch(Nets& nets, std::span<const FramePair> frames) {
  KIT_ASSIGN(std::vector<Observation> observations, nets.Observe(frames));
  const Resizer to_grid(frames[0].f1.size, kModelGrid, Interpolation::kBilinear, FastRowKernels());
  std::vector<ObservedPair> pairs;
  for (size_t i = 0; i < frames.size(); ++i) {
    pairs.push_back({std::move(observations[i]), {}});
    AddColours(frames[i].f1, to_grid, pairs.back());
  }
  return pairs;
}

Bytes PackBatch(std::span<const ObservedPair> pairs) {
  ByteWriter writer;
  for (const ObservedPair& pair : pairs) {
    for (const float value : pair.observation.pose) writer.F32(value);
    for (const auto& sums : pair.sums) {
      for (const float value : sums) writer.F32(value);
    }
    writer.Append(pair.observation.class_map);
  }
  return writer.Take();
}

Result<std::vector<ObservedPair>> UnpackBatch(std::span<const uint8_t> bytes, size_t count) {
  ByteReader reader(bytes);
  std::vector<ObservedPair> pairs(count);
  for (ObservedPair& pair : pairs) {
    for (float& value : pair.observation.pose) value = reader.F32();
    for (auto& sums : pair.sums) {
      for (float& value : sums) value = reader.F32();
    }
    const std::span<const uint8_t> map = reader.Take(size_t{kModelGrid.width} * kModelGrid.height);
    pair.observation.class_map.assign(map.begin(), map.end());
  }
  KIT_TRY(reader.Finish("observed pairs"));
  return pairs;
}

}  // namespace

Result<Targets> ObserveClip(PairReader& reader, uint64_t num_pairs, Nets& nets, const ResumeFolder& folder,
                            Progress& progress) {
  Targets targets;
  std::array<std::array<double, 4>, kNumClasses> sums{};
  progress.Begin("observe", num_pairs, "pairs");
  const PairStream stream = [&reader] { return reader.Next(); };
  for (;;) {
    KIT_ASSIGN(const std::vector<FramePair> frames, NextPairs(stream, kUpstreamBatchSize));
    if (frames.empty()) break;
    const std::string entry = "observed-" + std::to_string(targets.pairs.size());
    std::vector<ObservedPair> pairs;
    if (folder.Has(entry)) {
      KIT_ASSIGN(const Bytes bytes, folder.Load(entry));
      KIT_ASSIGN(pairs, UnpackBatch(bytes, frames.size()));
    } else {
      KIT_ASSIGN(pairs, ObserveBatch(nets, frames));
      KIT_TRY(folder.Save(entry, PackBatch(pairs)));
    }
    for (ObservedPair& pair : pairs) {
      for (size_t k = 0; k < sums.size(); ++k) {
        for (size_t i = 0; i < sums[k].size(); ++i) sums[k][i] += double{pair.sums[k][i]};
      }
      targets.pairs.push_back(std::move(pair.observation));
    }
    progress.Update(targets.pairs.size(), "");
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted; the same command goes on from here"};
  }
  progress.End();
  if (targets.pairs.size() != num_pairs) {
    return Error{Code::kIo, "video: changed while it was read: had " + std::to_string(num_pairs) + " pairs, now " +
                                std::to_string(targets.pairs.size())};
  }
  for (size_t k = 0; k < sums.size(); ++k) {
    for (size_t c = 0; c < 3; ++c) {
      targets.colours[k][c] = sums[k][3] > 0 ? static_cast<float>(sums[k][c] / sums[k][3]) : 127.5F;
    }
  }
  return targets;
}

}  // namespace kitsink::strict
