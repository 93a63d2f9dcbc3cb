#pragma once
// The score of a scene through the bytes of its archive.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "codecs/hnerv/scene.h"
#include "codecs/measure.h"
#include "kitsink/codec.h"
#include "kitsink/nets.h"
#include "kitsink/run.h"
#include "kitsink/score.h"

namespace kitsink::hnerv {

struct MeasuredScene : MeasuredMember {
  std::vector<PairDistortion> pairs;
};
// Encodes the scene, decodes it again, renders every pair and scores it against the targets as `kitsink score` does, to
// the last digit. kInternal when decoding gives another scene. REQUIRES: a target for each pair.
Result<MeasuredScene> MeasureScene(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                   uint64_t original_bytes, const CodingContext& context);

// The score of a scene, and what its pairs add to it.
struct KeptScore {
  Score score;
  std::vector<PairDistortion> pairs;
};
// What process 0 measures by `measure`, for all of the folder's crew, unless the folder has the entry already.
Result<KeptScore> MeasureKept(const std::string& entry, const Scene& scene,
                              const std::function<Result<MeasuredScene>(const Scene&)>& measure,
                              const ResumeFolder& folder);

}  // namespace kitsink::hnerv
