// Keeps a job's finished entries in a folder, and publishes the job's outputs.

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "kitsink/run.h"

namespace kitsink {
namespace {

constexpr uint64_t kMaxEntryBytes = uint64_t{1} << 32;
constexpr const char* kPlan = "plan.json";
constexpr const char* kManifest = "manifest.json";

std::filesystem::path FolderOfJob(const JobOutputs& outputs) {
  std::filesystem::path folder = outputs.file;
  folder += ".resume";
  return folder;
}

std::filesystem::path ParentOf(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

// "options.steps 80, now 40; threads 2, now 4"
std::string Differences(const Json& left, const Json& right) {
  const Json before = left.flatten();
  const Json now = right.flatten();
  std::string text;
  const auto add = [&text](std::string key, const std::string& was, const std::string& is) {
    for (char& c : key) c = c == '/' ? '.' : c;
    text += (text.empty() ? "" : "; ") + key.substr(1) + " " + was + ", now " + is;
  };
  for (const auto& [key, value] : before.items()) {
    const auto other = now.find(key);
    if (other == now.end() || *other != value) add(key, value.dump(), other == now.end() ? "none" : other->dump());
  }
  for (const auto& [key, value] : now.items()) {
    if (before.find(key) == before.end()) add(key, "none", value.dump());
  }
  return text;
}

}  // namespace

// Locks the folder itself, so that no lock file is left behind. Where the file system does not support this, shards
// that start or end at the same time may do some work twice, with the same bytes.
FolderLock::FolderLock(const std::filesystem::path& folder)
    : descriptor_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ >= 0) flock(descriptor_, LOCK_EX);
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

Status CheckOutputs(const JobOutputs& outputs, Overwrite overwrite) {
  std::error_code ignored;
  if (std::filesystem::exists(FolderOfJob(outputs), ignored)) return Ok();
  KIT_TRY(CheckWritable(outputs.file, overwrite));
  return CheckWritable(outputs.manifest, overwrite);
}

Result<ResumeFolder> ResumeFolder::Open(const JobOutputs& outputs, const Json& plan, Overwrite overwrite) {
  const std::filesystem::path path = FolderOfJob(outputs);
  const FolderLock lock(ParentOf(outputs.file));
  std::error_code error;
  ResumeFolder folder(outputs, path, false);
  if (folder.Has(kPlan)) {
    KIT_ASSIGN(const Bytes bytes, folder.Load(kPlan));
    const Json old = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
    const std::string differences = old.is_object() ? Differences(old, plan) : "the plan is unreadable";
    if (differences.empty()) return ResumeFolder(outputs, path, true);
    if (overwrite == Overwrite::kRefuse) {
      return Error{Code::kInvalidArgument, path.string() + ": holds unfinished work of another job (" + differences +
                                               "), use --force to start over"};
    }
    std::filesystem::remove_all(path, error);
    if (error) return Error{Code::kIo, path.string() + ": cannot remove: " + error.message()};
  }
  std::filesystem::create_directory(path, error);
  if (error) return Error{Code::kIo, path.string() + ": cannot make the folder: " + error.message()};
  KIT_TRY(folder.Save(kPlan, plan.dump(2) + "\n"));
  return folder;
}

bool ResumeFolder::exists() const { return Has(kPlan); }

bool ResumeFolder::Has(const std::string& entry) const {
  std::error_code ignored;
  return std::filesystem::exists(PathOf(entry), ignored);
}

Result<Bytes> ResumeFolder::Load(const std::string& entry) const { return ReadFile(PathOf(entry), kMaxEntryBytes); }

Status ResumeFolder::Save(const std::string& entry, std::span<const uint8_t> bytes) const {
  return WriteFile(PathOf(entry), bytes, Overwrite::kAllow);
}

Status ResumeFolder::Save(const std::string& entry, std::string_view text) const {
  return Save(entry, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

// Does nothing when an earlier process has already renamed the entry.
Status ResumeFolder::Rename(const std::string& entry, const std::filesystem::path& path) const {
  if (!Has(entry)) return Ok();
  std::error_code error;
  std::filesystem::rename(PathOf(entry), path, error);
  if (error) return Error{Code::kIo, path.string() + ": cannot give the finished file its name: " + error.message()};
  return Ok();
}

Status ResumeFolder::Publish(const std::string& entry, std::string_view manifest) const {
  KIT_TRY(Save(kManifest, manifest));
  KIT_TRY(Rename(kManifest, outputs_.manifest));
  KIT_TRY(Rename(entry, outputs_.file));
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
  if (error) return Error{Code::kIo, folder_.string() + ": cannot remove: " + error.message()};
  return Ok();
}

}  // namespace kitsink
