// Measures a scene through the bytes of its archive.

#include "codecs/hnerv/measure.h"

#include <memory>

#include "codecs/hnerv/source.h"

namespace kitsink::hnerv {

Result<MeasuredScene> MeasureScene(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                   uint64_t original_bytes, const CodingContext& context) {
  MeasuredScene measured;
  KIT_ASSIGN(measured.member, EncodeScene(scene, context));
  KIT_ASSIGN(const Scene decoded, DecodeScene(measured.member, context));
  if (decoded != scene) {
    return Error{Code::kInternal, "archive: decoding it again gave other integers than were encoded"};
  }
  KIT_ASSIGN(const std::unique_ptr<PairSource> pairs, OpenPairs(decoded, context));
  KIT_ASSIGN(measured.score,
             ScoreMember(measured.member, *pairs, targets, nets, original_bytes, context, &measured.pairs));
  return measured;
}

}  // namespace kitsink::hnerv
