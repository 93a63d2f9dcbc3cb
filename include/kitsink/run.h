#pragma once
// Support for long jobs: output files, unfinished work that can resume, shards, and time limits.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "kitsink/bytes.h"
#include "kitsink/crew.h"
#include "kitsink/file.h"
#include "kitsink/manifest.h"
#include "kitsink/result.h"

namespace kitsink {

// Wall time since its construction.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// "1:02:03"
std::string FormatClock(double seconds);

// Locks a folder while it exists, against processes on this host, and on other hosts where the file system supports it.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_;
};

// The two files that a job writes: its output, and the manifest that says how the output was made.
struct JobOutputs {
  std::filesystem::path file, manifest;
};

// kInvalidArgument when an output is one of the inputs, or exists and overwriting is refused. An output may exist while
// the folder "<file>.resume" of an unfinished job does, because the check passed when that job began.
Status CheckOutputs(const JobOutputs& outputs, Overwrite overwrite, std::span<const std::filesystem::path> inputs);

// The folder "<file>.resume". Its entries are whole or absent. Several processes may share it: each entry is written by
// one process, or by several with the same bytes. A job that fails, is stopped or is killed leaves the folder behind,
// unless it discards it.
class ResumeFolder {
 public:
  // The entry where process 0 of a crew says how to reach it. It goes when a job begins or goes on, that is when no
  // other process has a part in it.
  static constexpr const char* kMeetingPoint = "meeting-point";

  // `plan` holds everything that the entries depend on. kInvalidArgument, with the differences, when a job with another
  // plan left the folder; with Overwrite::kAllow the folder is emptied instead. `role` names this process's part of the
  // job, "0-of-1" for all of it; kInvalidArgument, with its process id, when a live process has the same role, a
  // role of another number of processes, or any role where the folder would have to be emptied.
  static Result<ResumeFolder> Open(const JobOutputs& outputs, const Json& plan, const std::string& role,
                                   Overwrite overwrite);
  // True when an earlier job, or another process of this one, made the folder.
  bool resumed() const { return resumed_; }
  // False once some process has removed it.
  bool exists() const;
  // True while a process with this role is running, and where the file system knows no locks.
  bool Lives(const std::string& role) const;
  // The processes that share the job; this one alone until SetCrew().
  Crew& crew() const { return *crew_; }
  void SetCrew(std::unique_ptr<Crew> crew) { crew_ = std::move(crew); }
  std::filesystem::path PathOf(const std::string& entry) const { return folder_ / entry; }
  bool Has(const std::string& entry) const;
  Result<Bytes> Load(const std::string& entry) const;
  Status Save(const std::string& entry, std::span<const uint8_t> bytes) const;
  Status Save(const std::string& entry, std::string_view text) const;
  // Ends the job: renames the manifest and the entry that holds the file to their final names, then removes the folder.
  // After a kill inside, a later process completes it by calling it with the same arguments.
  Status Publish(const std::string& entry, std::string_view manifest) const;
  // Ends a job that nobody can finish: removes the folder. kInvalidArgument, and nothing is removed, when a live
  // process has another part in the job.
  Status Discard() const;

 private:
  ResumeFolder(JobOutputs outputs, std::filesystem::path folder, std::string role)
      : outputs_(std::move(outputs)), folder_(std::move(folder)), role_(std::move(role)) {}
  class Lock;
  Status Rename(const std::string& entry, const std::filesystem::path& path) const;
  static Status RemoveAll(const std::filesystem::path& folder, const std::string& own_role);
  static Status CheckCount(const std::filesystem::path& folder, const std::string& own_role);
  static void RemoveOldMeetingPoint(const std::filesystem::path& folder, const std::string& own_role);
  JobOutputs outputs_;
  std::filesystem::path folder_;
  std::string role_;
  bool resumed_ = false;
  std::shared_ptr<Lock> lock_;  // of the role, while this or a copy exists
  std::shared_ptr<Crew> crew_ = std::make_shared<Crew>();
};

// "1/3", or "auto": read from the environment variables of torchrun, Open MPI or Slurm.
Result<Shard> ParseShard(const std::string& text);

// "90s", "30m", "1h30m" to seconds; a bare number is seconds.
Result<double> ParseDuration(const std::string& text);

// Keeps a search within the user's wall-clock limit. It measures seconds per step and divides the remaining time
// among the remaining groups, so that every group gets frames and late groups get fewer steps, not none. Only Expired
// is thread-safe.
class Watchdog {
 public:
  // Starts the clock. A limit of 0 means no limit.
  explicit Watchdog(double limit_seconds) : limit_(limit_seconds) {}
  // What the next group may use.
  struct Share {
    uint32_t steps = 0;
    double end = std::numeric_limits<double>::infinity();  // on this clock
  };
  // As many of the `planned` steps as there is time for, when `groups_left` groups, this one included, run one after
  // the other. Warns once, as soon as the planned steps will not fit. Work without steps (`planned` is 0) is never cut.
  Share Next(uint32_t planned, uint64_t groups_left);
  bool Expired(const Share& share) const { return clock_.seconds() >= share.end; }
  // Records a finished group: its steps, the seconds spent on them, and the seconds spent on everything else
  // (rendering, running the nets, writing).
  void Learn(uint32_t steps, double step_seconds, double other_seconds);

 private:
  double limit_;
  Stopwatch clock_;
  uint64_t groups_ = 0, steps_ = 0;
  double step_seconds_ = 0, other_seconds_ = 0;
  bool warned_ = false;
};

}  // namespace kitsink
