#pragma once
// A long job's life: the outputs it may write, what it has finished so far, its share of the work, its time and
// threads.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "kitsink/bytes.h"
#include "kitsink/file.h"
#include "kitsink/frame.h"
#include "kitsink/manifest.h"
#include "kitsink/result.h"

namespace kitsink {

// Wall time since it was made.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// "1:02:03"
std::string FormatClock(double seconds);

// Keeps others out of a folder while it lives; processes on this host, and on others where the file system can.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_;
};

// What a job writes: one file, and the manifest that says how it was made.
struct JobOutputs {
  std::filesystem::path file, manifest;
};

// kInvalidArgument when an output exists and overwriting is refused. An unfinished job was permitted its outputs when
// it began: while its folder "<file>.resume" is there, the answer is yes.
Status CheckOutputs(const JobOutputs& outputs, Overwrite overwrite);

// The folder "<file>.resume": entries that are whole or absent. Several processes may share it; each entry is written
// by one of them, or the same by several. A job that was killed, failed or was stopped leaves it behind.
class ResumeFolder {
 public:
  // `plan` names everything that the entries depend on. A folder left by a job with another plan is
  // kInvalidArgument and says what differs; with Overwrite::kAllow it is emptied instead.
  static Result<ResumeFolder> Open(const JobOutputs& outputs, const Json& plan, Overwrite overwrite);
  // True when an earlier job, or another process of this one, made the folder.
  bool resumed() const { return resumed_; }
  // False once some process has removed it.
  bool exists() const;
  std::filesystem::path PathOf(const std::string& entry) const { return folder_ / entry; }
  bool Has(const std::string& entry) const;
  Result<Bytes> Load(const std::string& entry) const;
  Status Save(const std::string& entry, std::span<const uint8_t> bytes) const;
  Status Save(const std::string& entry, std::string_view text) const;
  // Ends the job: gives the manifest and the entry that holds the file their final names, then removes the folder. A
  // process that was killed in here is followed by one that calls it again with the same arguments.
  Status Publish(const std::string& entry, std::string_view manifest) const;

 private:
  ResumeFolder(JobOutputs outputs, std::filesystem::path folder, bool resumed)
      : outputs_(std::move(outputs)), folder_(std::move(folder)), resumed_(resumed) {}
  Status Rename(const std::string& entry, const std::filesystem::path& path) const;
  JobOutputs outputs_;
  std::filesystem::path folder_;
  bool resumed_ = false;
};

// One of several processes, on one host or many, that share a job.
struct Shard {
  uint64_t index = 0;
  uint64_t count = 1;
  // The consecutive groups, of so many, that this process does.
  PairRange PartOf(uint64_t num_groups) const;
};

// "1/3", or "auto": the process's number in the environment of torchrun, Open MPI or Slurm.
Result<Shard> ParseShard(const std::string& text);

// "90s", "30m", "1h30m" to seconds; a bare number is seconds.
Result<double> ParseDuration(const std::string& text);

// Holds a job whose groups take steps to the wall-clock limit that the user set. It measures seconds per step and
// shares what is left of the limit among the groups that are left, so that every group gets frames and the later ones
// fewer steps rather than none. Not synchronised, but for Expired.
class Watchdog {
 public:
  // The clock starts here. A limit of 0 is none.
  explicit Watchdog(double limit_seconds) : limit_(limit_seconds) {}
  // What the next group may use.
  struct Share {
    uint32_t steps = 0;
    double end = std::numeric_limits<double>::infinity();  // on this clock
  };
  // As many of its planned steps as there is time for, where `groups_left`, it included, follow one another. Warns
  // once, as soon as the plan will not do.
  Share Next(uint32_t planned, uint64_t groups_left);
  bool Expired(const Share& share) const { return clock_.seconds() >= share.end; }
  // The group took `steps`; seconds spent on them, and on all else (rendering, judging, writing).
  void Learn(uint32_t steps, double step_seconds, double other_seconds);

 private:
  double limit_;
  Stopwatch clock_;
  uint64_t groups_ = 0, steps_ = 0;
  double step_seconds_ = 0, other_seconds_ = 0;
  bool warned_ = false;
};

}  // namespace kitsink
