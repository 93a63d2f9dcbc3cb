// Measures a scene through the bytes of its archive.

#include "codecs/strict/measure.h"

#include <memory>
#include <optional>
#include <utility>

#include "codecs/strict/render.h"
#include "kitsink/scorer.h"

namespace kitsink::strict {
namespace {

PairStream Rendered(const FrameRenderer& renderer, uint64_t num_pairs, int threads) {
  return [&renderer, num_pairs, threads, next = uint64_t{0}]() mutable -> Result<std::optional<FramePair>> {
    if (next == num_pairs) return std::optional<FramePair>();
    return std::optional<FramePair>(renderer.Render(next++, threads));
  };
}

}  // namespace

Result<MeasuredScene> MeasureScene(const Scene& scene, std::span<const Observation> targets, int mask_level, Nets& nets,
                                   uint64_t original_bytes, const CodingContext& context) {
  MeasuredScene measured;
  KIT_ASSIGN(measured.member, EncodeScene(scene, mask_level, context));
  KIT_ASSIGN(const Scene decoded, DecodeScene(measured.member, context));
  if (decoded != scene) {
    return Error{Code::kInternal, "archive: decoding it again gave other integers than were encoded"};
  }
  KIT_ASSIGN(const Bytes bytes, WriteMember(measured.member, context.limits));
  KIT_ASSIGN(const Bytes zip, PackZip(bytes));
  KIT_ASSIGN(const std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(decoded));
  KIT_ASSIGN(const std::vector<PairDistortion> pairs,
             MeasureDistortion(GiveObservations(targets),
                               ObservePairs(Rendered(*renderer, decoded.mask.count, context.threads), nets),
                               kUpstreamBatchSize, *context.progress, targets.size()));
  const MeanDistortion means = ExactMeans(pairs);
  measured.score = {means.seg, means.pose, zip.size(), original_bytes};
  return measured;
}

}  // namespace kitsink::strict
