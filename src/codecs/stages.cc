// Runs, keeps, measures and reports a stage.

#include "codecs/stages.h"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

namespace kitsink {
namespace {

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

void ReportStage(const std::string& stage, const Score& score, double cpu_seconds, const Json& rounds,
                 CompressContext& context) {
  char text[160];
  std::snprintf(text, sizeof(text), "%-9s %9llu  %10.8f  %12.4e  %8.4f  %8.4f  %8.4f  %8.1f", stage.c_str(),
                static_cast<unsigned long long>(score.archive_bytes), score.seg, score.pose,
                score.seg_term() + score.pose_term(), score.rate_term(), score.total(), cpu_seconds);
  context.remarks.emplace_back(text);
  Json row = {{"stage", stage},         {"archive_bytes", score.archive_bytes},
              {"seg", score.seg},       {"pose", score.pose},
              {"score", score.total()}, {"cpu_seconds", cpu_seconds}};
  if (!rounds.is_null()) row["rounds"] = rounds;
  (*context.manifest)["stages"].push_back(std::move(row));
}

Result<MeasuredMember> RunStage(const std::string& stage, const StageFunctions& functions, const ResumeFolder& folder,
                                CompressContext& context) {
  const std::string entry = stage + ".scene", rounds_entry = stage + ".rounds";
  const double before = CpuSeconds();
  KIT_ASSIGN(const bool finished, folder.crew().LeaderSays(folder.Has(entry)));
  if (finished) {
    KIT_ASSIGN(const Bytes bytes, folder.Load(entry));
    KIT_ASSIGN(const Member member, ReadMember(bytes, context.limits));
    KIT_TRY(functions.load(member));
  } else {
    KIT_TRY(functions.run());
  }
  const double cpu_seconds = CpuSeconds() - before;
  KIT_ASSIGN(MeasuredMember measured, functions.measure());
  if (folder.crew().leads()) {
    KIT_ASSIGN(const Bytes bytes, WriteMember(measured.member, context.limits));
    KIT_TRY(folder.Save(entry, bytes));
  }
  Json rounds;
  if (folder.Has(rounds_entry)) {
    KIT_ASSIGN(const Bytes text, folder.Load(rounds_entry));
    rounds = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  }
  ReportStage(stage, measured.score, cpu_seconds, rounds, context);
  return measured;
}

}  // namespace kitsink
