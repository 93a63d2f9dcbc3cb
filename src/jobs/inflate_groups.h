#pragma once
// The records that inflate keeps of its finished groups, apart from the frames, and their sums.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "kitsink/result.h"
#include "kitsink/run.h"
#include "kitsink/score.h"

namespace kitsink {

struct GroupRecord {
  uint64_t first = 0;      // pair of the clip
  uint64_t num_pairs = 0;  // written
  uint32_t steps_run = 0;
  double step_seconds = 0;
  std::vector<PairDistortion> before, after;  // empty for codecs that do not search
  std::vector<MeanDistortion> curve;          // sums over the pairs after 0, 1 .. steps
};

bool HasGroup(const ResumeFolder& folder, uint64_t first);
Result<GroupRecord> LoadGroup(const ResumeFolder& folder, uint64_t first);
Status SaveGroup(const ResumeFolder& folder, const GroupRecord& record);

struct JoinedGroups {
  uint64_t num_groups = 0, num_pairs = 0, pairs_cut = 0;
  double seconds = 0;
  std::vector<PairDistortion> before, after;
  std::vector<MeanDistortion> curve;  // sums
  void Add(const GroupRecord& record, uint32_t planned_steps);
};

// The manifest's "against_targets". REQUIRES: before and after are not empty.
Json DescribeJoined(const JoinedGroups& joined);

}  // namespace kitsink
