#pragma once
// What a long job has finished so far, so that a killed one goes on where it was.

#include <filesystem>
#include <optional>
#include <string>

#include "codec/manifest.h"
#include "kitsink/bytes.h"
#include "kitsink/file.h"

namespace kitsink {

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

// The folder "<output>.resume": entries that are whole or absent. Several processes may share it; each entry is
// written by one of them, or the same by several. Left behind by a job that was killed, failed or was stopped.
class ResumeFolder {
 public:
  // `plan` names everything that the entries depend on. A folder left by a job with another plan is
  // kInvalidArgument and says what differs; with Overwrite::kAllow it is emptied instead.
  static Result<ResumeFolder> Open(const std::filesystem::path& output, const Json& plan, Overwrite overwrite);
  // True when an earlier job, or another process of this one, made the folder.
  bool resumed() const { return resumed_; }
  // False once some process has removed it.
  bool exists() const;
  std::filesystem::path PathOf(const std::string& entry) const { return folder_ / entry; }
  bool Has(const std::string& entry) const;
  Result<Bytes> Load(const std::string& entry) const;
  Status Save(const std::string& entry, std::span<const uint8_t> bytes) const;
  Status Save(const std::string& entry, std::string_view text) const;
  // Moves an entry to its final name; nothing to do when an earlier process has done so.
  Status Publish(const std::string& entry, const std::filesystem::path& path) const;
  // Removes the folder: the job is done.
  Status Remove() const;

 private:
  ResumeFolder(std::filesystem::path folder, bool resumed) : folder_(std::move(folder)), resumed_(resumed) {}
  std::filesystem::path folder_;
  bool resumed_ = false;
};

}  // namespace kitsink
