#pragma once
// The stages of a compress that improves a scene step by step: each is kept in the job's folder, measured, reported.

#include <functional>
#include <string>

#include "codecs/measure.h"
#include "kitsink/codec.h"

namespace kitsink {

// The head of the table of stages, and a stage's line in it and in the manifest.
inline constexpr const char* kStagesHead =
    "after         bytes         seg          pose    terms      rate     score     CPU s";
void ReportStage(const std::string& stage, const Score& score, double cpu_seconds, const Json& rounds,
                 CompressContext& context);

struct StageFunctions {
  std::function<Status()> run;                // changes the codec's scene; may save "NAME.rounds", text of a JSON array
  std::function<Status(const Member&)> load;  // takes the scene as an earlier job left it
  std::function<Result<MeasuredMember>()> measure;  // of the scene
};
// Runs a stage unless an earlier job finished it, measures the scene, keeps it and reports. CPU seconds are those of
// this process.
Result<MeasuredMember> RunStage(const std::string& stage, const StageFunctions& functions, const ResumeFolder& folder,
                                CompressContext& context);

}  // namespace kitsink
