// Plans the units of a stage by the time that they take.

#include "codecs/plan.h"

#include <algorithm>
#include <cstdio>

#include "kitsink/bytes.h"
#include "kitsink/log.h"

namespace kitsink {
namespace {

constexpr double kLong = 600;  // seconds

}  // namespace

Result<int64_t> PlanUnits(const ResumeFolder& folder, const std::string& stage, const WorkPlan& plan) {
  const std::string entry = stage + ".plan";
  const auto make = [&]() -> Result<Bytes> {
    if (folder.Has(entry)) return folder.Load(entry);
    int64_t units = plan.units;
    const double allowed = plan.seconds_allowed / plan.seconds_each;
    if (allowed < static_cast<double>(plan.units)) units = std::max<int64_t>(1, static_cast<int64_t>(allowed));
    ByteWriter writer;
    writer.U32(static_cast<uint32_t>(units));
    const Bytes bytes = writer.Take();
    KIT_TRY(folder.Save(entry, bytes));
    return bytes;
  };
  KIT_ASSIGN(const Bytes bytes, folder.crew().FromLeader(make));
  ByteReader reader(bytes);
  const int64_t units = reader.U32();
  KIT_TRY(reader.Finish("plan"));
  const double total = plan.seconds_each * static_cast<double>(units);
  char each[32];
  std::snprintf(each, sizeof(each), "%.3f s", plan.seconds_each);
  Log(total > kLong || units < plan.units ? LogLevel::kWarning : LogLevel::kInfo,
      stage + ": " + std::to_string(units) + " " + plan.unit + " of " + each + ", about " + FormatClock(total) +
          " (h:mm:ss) in all" +
          (units < plan.units ? "; the time limit leaves out " + std::to_string(plan.units - units) : std::string()));
  return units;
}

void LogEstimate(const std::string& what, double seconds, double seconds_left) {
  const bool cut = seconds > seconds_left;
  Log(seconds > kLong || cut ? LogLevel::kWarning : LogLevel::kInfo,
      what + " " + FormatClock(seconds) + " (h:mm:ss) in all" +
          (cut ? "; the time limit leaves " + FormatClock(std::max(0.0, seconds_left)) : std::string()));
}

}  // namespace kitsink
