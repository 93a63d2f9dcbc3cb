// Saves records of finished groups in the job's folder, loads them and adds them up.

#include "jobs/inflate_groups.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

namespace kitsink {
namespace {

std::string EntryOf(uint64_t first) {
  char text[32];
  std::snprintf(text, sizeof(text), "pair-%06llu.json", static_cast<unsigned long long>(first));
  return text;
}

Json DescribePairs(const std::vector<PairDistortion>& pairs) {
  Json json = Json::array();
  for (const PairDistortion& pair : pairs) json.push_back({pair.seg, pair.pose});
  return json;
}

Json DescribeCurve(const std::vector<MeanDistortion>& sums, double pairs) {
  Json json = Json::array();
  for (const MeanDistortion& sum : sums) json.push_back({sum.seg / pairs, sum.pose / pairs});
  return json;
}

// Adds the curve of a group to `sums`. Past the group's last step, its curve keeps its last value.
void AddCurve(const std::vector<MeanDistortion>& group, std::vector<MeanDistortion>& sums) {
  if (group.empty()) return;
  sums.resize(std::max(sums.size(), group.size()), sums.empty() ? MeanDistortion() : sums.back());
  for (size_t step = 0; step < sums.size(); ++step) {
    const MeanDistortion& at = group[std::min(step, group.size() - 1)];
    sums[step].seg += at.seg;
    sums[step].pose += at.pose;
  }
}

}  // namespace

bool HasGroup(const ResumeFolder& folder, uint64_t first) { return folder.Has(EntryOf(first)); }

Result<GroupRecord> LoadGroup(const ResumeFolder& folder, uint64_t first) {
  KIT_ASSIGN(const Bytes bytes, folder.Load(EntryOf(first)));
  GroupRecord record;
  record.first = first;
  const auto parse = [&](const Json& json) {
    record.num_pairs = json.at("num_pairs").get<uint64_t>();
    record.steps_run = json.at("steps_run").get<uint32_t>();
    record.step_seconds = json.at("seconds").get<double>();
    for (const Json& pair : json.at("before")) record.before.push_back({pair.at(0), pair.at(1)});
    for (const Json& pair : json.at("after")) record.after.push_back({pair.at(0), pair.at(1)});
    for (const Json& sum : json.at("curve")) record.curve.push_back({sum.at(0), sum.at(1)});
  };
  try {
    parse(Json::parse(bytes.begin(), bytes.end()));
  } catch (const Json::exception& exception) {
    return Error{Code::kCorrupt, folder.PathOf(EntryOf(first)).string() + ": " + exception.what()};
  }
  return record;
}

Status SaveGroup(const ResumeFolder& folder, const GroupRecord& record) {
  const Json json = {{"num_pairs", record.num_pairs},        {"steps_run", record.steps_run},
                     {"seconds", record.step_seconds},       {"before", DescribePairs(record.before)},
                     {"after", DescribePairs(record.after)}, {"curve", DescribeCurve(record.curve, 1)}};
  return folder.Save(EntryOf(record.first), ToText(json));
}

void JoinedGroups::Add(const GroupRecord& record, uint32_t planned_steps) {
  ++num_groups;
  num_pairs += record.num_pairs;
  seconds += record.step_seconds;
  if (record.steps_run < planned_steps) pairs_cut += record.num_pairs;
  before.insert(before.end(), record.before.begin(), record.before.end());
  after.insert(after.end(), record.after.begin(), record.after.end());
  AddCurve(record.curve, curve);
}

Json DescribeJoined(const JoinedGroups& joined) {
  const MeanDistortion before = ExactMeans(joined.before);
  const MeanDistortion after = ExactMeans(joined.after);
  Json json;
  json["before"] = {{"seg", before.seg}, {"pose", before.pose}};
  json["after"] = {{"seg", after.seg}, {"pose", after.pose}};
  json["pairs"] = {{"before", DescribePairs(joined.before)}, {"after", DescribePairs(joined.after)}};
  json["curve"] = DescribeCurve(joined.curve, static_cast<double>(joined.num_pairs));
  return json;
}

}  // namespace kitsink
