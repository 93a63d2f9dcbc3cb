// Measures a scene through the bytes of its archive.

#include "codecs/video/measure.h"

#include <optional>
#include <utility>

#include "codecs/video/source.h"
#include "kitsink/scorer.h"

namespace kitsink::video {
namespace {

PairStream Restored(PairSource& source) {
  return [&source, next = uint64_t{0}]() mutable -> Result<std::optional<FramePair>> {
    if (next == source.num_pairs()) return std::optional<FramePair>();
    KIT_ASSIGN(InflatedPairs pairs, source.Inflate(next++, 1, {}));
    return std::optional<FramePair>(std::move(pairs.frames[0]));
  };
}

}  // namespace

Result<MeasuredScene> MeasureScene(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                   uint64_t original_bytes, const CodingContext& context) {
  MeasuredScene measured;
  KIT_ASSIGN(measured.member, EncodeScene(scene, context));
  KIT_ASSIGN(const Scene decoded, DecodeScene(measured.member, context));
  if (decoded != scene) {
    return Error{Code::kInternal, "archive: decoding it again gave other integers than were encoded"};
  }
  KIT_ASSIGN(const Bytes bytes, WriteMember(measured.member, context.limits));
  KIT_ASSIGN(const Bytes zip, PackZip(bytes));
  EngineContext open;
  static_cast<CodingContext&>(open) = context;
  KIT_ASSIGN(const std::unique_ptr<PairSource> source, Open(measured.member, open));
  KIT_ASSIGN(const std::vector<PairDistortion> pairs,
             MeasureDistortion(GiveObservations(targets), ObservePairs(Restored(*source), nets), kUpstreamBatchSize,
                               *context.progress, targets.size()));
  const MeanDistortion means = ExactMeans(pairs);
  measured.score = {means.seg, means.pose, zip.size(), original_bytes};
  return measured;
}

}  // namespace kitsink::video
