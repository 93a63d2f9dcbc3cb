// Counts the processors that this process may use.

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "kitsink/at_once.h"

namespace kitsink {
namespace {

namespace fs = std::filesystem;

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

// cpu.max of control groups version 2: "200000 100000", or "max 100000".
double QuotaV2(const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : kNoQuota;
}

// Version 1; a quota of -1 is none.
double QuotaV1(const fs::path& group) {
  std::ifstream quota_file(group / "cpu.cfs_quota_us"), period_file(group / "cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period : kNoQuota;
}

// The smallest quota of a group and of the groups around it. Inside a container, `group` may name a folder that only
// the host sees; then the container's own root has the quota.
template <typename Quota>
double SmallestQuota(const fs::path& root, std::string group, Quota quota) {
  double smallest = quota(root);
  for (; group.size() > 1; group.erase(group.find_last_of('/')))
    smallest = std::min(smallest, quota(root / group.substr(1)));
  return smallest;
}

}  // namespace

double ProcessorQuota(const fs::path& system_root) {
  double smallest = kNoQuota;
  const fs::path groups = system_root / "sys/fs/cgroup";
  std::ifstream file(system_root / "proc/self/cgroup");  // lines "0::/group", in version 1 "4:cpu,cpuacct:/group"
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos || line.size() < second + 2 || line[second + 1] != '/') continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") {
      smallest = std::min(smallest, SmallestQuota(groups, group, QuotaV2));
    } else if (controllers.find(",cpu,") != controllers.npos) {
      for (const char* mount : {"cpu", "cpu,cpuacct"}) {
        smallest = std::min(smallest, SmallestQuota(groups / mount, group, QuotaV1));
      }
    }
  }
  return smallest;
}

int CountProcessors() {
  cpu_set_t set;
  const int allowed = sched_getaffinity(0, sizeof(set), &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
  return static_cast<int>(std::min<double>(allowed, std::max(1.0, std::ceil(ProcessorQuota("/")))));
}

}  // namespace kitsink
