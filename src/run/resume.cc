// Keeps a job's finished entries in a folder, and publishes the job's outputs.

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "kitsink/hash.h"
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

// What two plans differ in: "options.steps 80, now 40; threads 2, now 4", and what to do about it.
std::string Differences(const Json& left, const Json& right) {
  constexpr const char* kThreads = "/options/threads";
  const Json before = left.flatten();
  const Json now = right.flatten();
  const auto text_of = [](const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); };
  std::string text;
  size_t count = 0;
  const auto add = [&](std::string key, const std::string& was, const std::string& is) {
    for (char& c : key) c = c == '/' ? '.' : c;
    text += (text.empty() ? "" : "; ") + key.substr(1) + " " + was + ", now " + is;
    ++count;
  };
  for (const auto& [key, value] : before.items()) {
    const auto other = now.find(key);
    if (other == now.end() || *other != value) add(key, text_of(value), other == now.end() ? "none" : text_of(*other));
  }
  for (const auto& [key, value] : now.items()) {
    if (before.find(key) == before.end()) add(key, "none", text_of(value));
  }
  if (text.empty()) return text;
  const bool only_threads =
      count == 1 && before.contains(kThreads) && now.contains(kThreads) && before[kThreads] != now[kThreads];
  return "(" + text + "), use " + (only_threads ? "-j " + text_of(before[kThreads]) + " to go on, or " : "") +
         "--force to start over";
}

// The process that holds a lock file, for messages.
std::string HolderOf(const std::filesystem::path& path) {
  const Result<Bytes> bytes = ReadBegin(path, 20);
  std::string text;
  for (const uint8_t byte : bytes.ok() ? bytes.value() : Bytes()) {
    if (byte >= '0' && byte <= '9') text += static_cast<char>(byte);
  }
  return text.empty() ? "another process" : "process " + text;
}

constexpr const char* kLockEnding = ".lock";

// "of-2" of the role "0-of-2".
std::string_view CountOf(std::string_view role) { return role.substr(role.find('-') + 1); }

// The lock files of the other roles; their processes may have ended.
std::vector<std::filesystem::path> LocksOfOthers(const std::filesystem::path& folder, const std::string& own_role) {
  std::vector<std::filesystem::path> locks;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() == kLockEnding && path.stem() != own_role) locks.push_back(path);
  }
  return locks;
}

// `whose` is empty or begins with a blank.
Error Running(const std::filesystem::path& folder, const std::filesystem::path& lock, const std::string& whose) {
  return Error{Code::kInvalidArgument, folder.string() + ": a job" + whose + " is running there (" + HolderOf(lock) +
                                           "), wait for it, stop it, or give another output"};
}

Status WriteText(const std::filesystem::path& path, std::string_view text) {
  return WriteFile(path, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()), Overwrite::kAllow);
}

// Removes the plan after all else, so that what a kill leaves is still the folder of a job.
Status RemoveFolder(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().filename() != kPlan) std::filesystem::remove_all(entry.path(), error);
  }
  if (!error) std::filesystem::remove_all(folder, error);
  if (error) return Error{Code::kIo, folder.string() + ": cannot remove: " + error.message()};
  return Ok();
}

// A folder without a plan may be used only if it is empty or was left by a job that had just begun.
Status CheckUnused(const std::filesystem::path& folder) {
  std::error_code ignored;
  bool used = std::filesystem::is_symlink(folder, ignored);
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const bool begun = entry.path().filename().string().starts_with(std::string(kPlan) + ".part");
    used = used || (!begun && entry.path().extension() != kLockEnding);
  }
  if (!used) return Ok();
  return Error{Code::kInvalidArgument, folder.string() + ": is in the way of the job's folder, move it"};
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

Status CheckOutputs(const JobOutputs& outputs, Overwrite overwrite, std::span<const std::filesystem::path> inputs) {
  std::error_code ignored;
  if (std::filesystem::exists(FolderOfJob(outputs) / kPlan, ignored)) overwrite = Overwrite::kAllow;
  KIT_TRY(CheckWritable(outputs.file, overwrite, inputs));
  return CheckWritable(outputs.manifest, overwrite, inputs);
}

// A lock file of a live process. The lock goes with the process, however it ends.
class ResumeFolder::Lock {
 public:
  // kInvalidArgument when another process holds it.
  static Result<std::shared_ptr<Lock>> Take(const std::filesystem::path& folder, const std::string& role) {
    const std::filesystem::path path = folder / (role + kLockEnding);
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) {
      return Error{Code::kIo, path.string() + ": cannot create: " + std::generic_category().message(errno)};
    }
    auto lock = std::make_shared<Lock>(descriptor);
    // Where the file system knows no locks, nobody is refused.
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      return Running(folder, path, "");
    }
    if (ftruncate(descriptor, 0) == 0) dprintf(descriptor, "%ld\n", static_cast<long>(getpid()));
    return lock;
  }

  // True while another process holds it; `unknown` where the file system knows no locks.
  static bool IsHeld(const std::filesystem::path& path, bool unknown) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return false;
    const Lock probe(descriptor);
    if (flock(descriptor, LOCK_SH | LOCK_NB) == 0) return false;
    return errno == EWOULDBLOCK || unknown;
  }

  explicit Lock(int descriptor) : descriptor_(descriptor) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { close(descriptor_); }

 private:
  int descriptor_;
};

// Removes the work of another plan, unless a live process has a part in it.
Status ResumeFolder::RemoveAll(const std::filesystem::path& folder, const std::string& own_role) {
  for (const std::filesystem::path& path : LocksOfOthers(folder, own_role)) {
    KIT_TRY(Lock::Take(folder, path.stem().string()));
  }
  return RemoveFolder(folder);
}

void ResumeFolder::RemoveOldMeetingPoint(const std::filesystem::path& folder, const std::string& own_role) {
  for (const std::filesystem::path& path : LocksOfOthers(folder, own_role)) {
    if (Lock::IsHeld(path, true)) return;
  }
  std::error_code ignored;
  std::filesystem::remove(folder / kMeetingPoint, ignored);
}

// Processes of two counts would share the work out in two ways, and one would take the other's for its own.
Status ResumeFolder::CheckCount(const std::filesystem::path& folder, const std::string& own_role) {
  for (const std::filesystem::path& path : LocksOfOthers(folder, own_role)) {
    if (CountOf(path.stem().native()) == CountOf(own_role)) continue;
    if (Lock::IsHeld(path, false)) return Running(folder, path, " of another number of processes");
  }
  return Ok();
}

Result<ResumeFolder> ResumeFolder::Open(const JobOutputs& outputs, const Json& plan, const std::string& role,
                                        Overwrite overwrite) {
  const std::filesystem::path path = FolderOfJob(outputs);
  const FolderLock folder_lock(ParentOf(outputs.file));
  std::error_code error;
  ResumeFolder folder(outputs, path, role);
  if (folder.Has(kPlan)) {
    KIT_ASSIGN(folder.lock_, Lock::Take(path, role));
    KIT_TRY(CheckCount(path, role));
    KIT_ASSIGN(const Bytes bytes, ReadFile(folder.PathOf(kPlan), kMaxEntryBytes));
    const Json old = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
    const std::string differences =
        old.is_object() ? Differences(old, plan) : "(the plan is unreadable), use --force to start over";
    folder.resumed_ = differences.empty();
    if (folder.resumed_) {
      RemoveOldMeetingPoint(path, role);
      return folder;
    }
    if (overwrite == Overwrite::kRefuse) {
      return Error{Code::kInvalidArgument, path.string() + ": holds unfinished work of another job " + differences};
    }
    KIT_TRY(RemoveAll(path, role));
  }
  KIT_TRY(CheckUnused(path));
  std::filesystem::create_directory(path, error);
  if (error) return Error{Code::kIo, path.string() + ": cannot make the folder: " + error.message()};
  KIT_ASSIGN(folder.lock_, Lock::Take(path, role));
  KIT_TRY(WriteText(folder.PathOf(kPlan), ToText(plan)));
  return folder;
}

bool ResumeFolder::exists() const { return Has(kPlan); }

bool ResumeFolder::Lives(const std::string& role) const { return Lock::IsHeld(PathOf(role + kLockEnding), true); }

bool ResumeFolder::Has(const std::string& entry) const {
  std::error_code ignored;
  return std::filesystem::exists(PathOf(entry), ignored);
}

// An entry is its bytes and their CRC-32.
Result<Bytes> ResumeFolder::Load(const std::string& entry) const {
  KIT_ASSIGN(Bytes bytes, ReadFile(PathOf(entry), kMaxEntryBytes));
  uint32_t crc = 0;
  const bool whole = bytes.size() >= sizeof(crc);
  if (whole) {
    std::memcpy(&crc, bytes.data() + bytes.size() - sizeof(crc), sizeof(crc));
    bytes.resize(bytes.size() - sizeof(crc));
  }
  if (!whole || Crc32(bytes, 0) != crc) {
    return Error{Code::kCorrupt, PathOf(entry).string() + ": is damaged, remove the file to make it again"};
  }
  return bytes;
}

Status ResumeFolder::Save(const std::string& entry, std::span<const uint8_t> bytes) const {
  const uint32_t crc = Crc32(bytes, 0);
  Bytes whole(bytes.begin(), bytes.end());
  whole.resize(whole.size() + sizeof(crc));
  std::memcpy(whole.data() + bytes.size(), &crc, sizeof(crc));
  return WriteFile(PathOf(entry), whole, Overwrite::kAllow);
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
  KIT_TRY(WriteText(PathOf(kManifest), manifest));
  KIT_TRY(Rename(kManifest, outputs_.manifest));
  KIT_TRY(Rename(entry, outputs_.file));
  return RemoveFolder(folder_);
}

Status ResumeFolder::Discard() const {
  const FolderLock folder_lock(ParentOf(outputs_.file));
  return RemoveAll(folder_, role_);
}

}  // namespace kitsink
