// Measures a scene through the bytes of its archive.

#include "codecs/strict/measure.h"

#include <memory>
#include <utility>

#include "codecs/strict/source.h"

namespace kitsink::strict {

Result<MeasuredMember> MeasureScene(const Scene& scene, std::span<const Observation> targets, int mask_level,
                                    Nets& nets, uint64_t original_bytes, const CodingContext& context) {
  MeasuredMember measured;
  KIT_ASSIGN(measured.member, EncodeScene(scene, mask_level, context));
  KIT_ASSIGN(Scene decoded, DecodeScene(measured.member, context));
  if (decoded != scene) {
    return Error{Code::kInternal, "archive: decoding it again gave other integers than were encoded"};
  }
  KIT_ASSIGN(const std::unique_ptr<PairSource> pairs, OpenPairs(std::move(decoded), context));
  KIT_ASSIGN(measured.score, ScoreMember(measured.member, *pairs, targets, nets, original_bytes, context));
  return measured;
}

}  // namespace kitsink::strict
