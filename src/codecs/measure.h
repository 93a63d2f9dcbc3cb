#pragma once
// What an archive is worth, while compress still works on it.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "kitsink/codec.h"
#include "kitsink/crew.h"
#include "kitsink/nets.h"
#include "kitsink/score.h"

namespace kitsink {

struct MeasuredMember {
  Member member;
  Score score;
};

// The bytes of the member's archive, and the distortion of the frames that inflate makes of it, as `kitsink score`
// measures them, to the last digit. `pairs` are the member's, `targets` what the nets read in the original's. Fills in
// the distortion of each pair unless `distortions` is null.
Result<Score> ScoreMember(const Member& member, PairSource& pairs, std::span<const Observation> targets, Nets& nets,
                          uint64_t original_bytes, const CodingContext& context,
                          std::vector<PairDistortion>* distortions = nullptr);

// What process 0 measures. The others wait for it, and then have the same member and score.
Result<MeasuredMember> MeasureOnce(Crew& crew, const Limits& limits,
                                   const std::function<Result<MeasuredMember>()>& measure);

}  // namespace kitsink
