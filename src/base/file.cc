// Reads whole files, writes files through a temporary name, and appends lines to files.

#include "kitsink/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "kitsink/contest.h"

namespace kitsink {
namespace {

Error IoError(const std::filesystem::path& path, std::string_view what, int error_number) {
  return Error{Code::kIo, path.string() + ": " + std::string(what) + ": " + std::strerror(error_number)};
}

// Closes its descriptor when it goes out of scope.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

// Names of unfinished outputs, in fixed storage because a signal handler reads them.
struct OpenOutput {
  std::atomic<bool> used{false};
  std::array<char, 4096> name{};
};
std::array<OpenOutput, 16> open_outputs;

void Remember(const std::string& name) {
  for (OpenOutput& output : open_outputs) {
    if (output.used.load() || name.size() >= output.name.size()) continue;
    std::memcpy(output.name.data(), name.c_str(), name.size() + 1);
    output.used.store(true);
    return;
  }
}

void Forget(const std::string& name) {
  for (OpenOutput& output : open_outputs) {
    if (output.used.load() && name == output.name.data()) output.used.store(false);
  }
}

Result<struct stat> StatRegular(const std::filesystem::path& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return IoError(path, "cannot open", errno);
  if (S_ISDIR(info.st_mode)) return Error{Code::kIo, path.string() + ": is a folder, expected a file"};
  if (!S_ISREG(info.st_mode)) return Error{Code::kIo, path.string() + ": is not a regular file"};
  return info;
}

// Reads until `bytes` is full or the file ends. Returns the number of bytes read.
Result<size_t> ReadSome(int descriptor, const std::filesystem::path& path, std::span<uint8_t> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = read(descriptor, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return IoError(path, "cannot read", errno);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

}  // namespace

Result<uint64_t> FileSize(const std::filesystem::path& path) {
  KIT_ASSIGN(const struct stat info, StatRegular(path));
  return static_cast<uint64_t>(info.st_size);
}

Result<Bytes> ReadBegin(const std::filesystem::path& path, size_t count) {
  KIT_TRY(FileSize(path));
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return IoError(path, "cannot open", errno);
  Bytes bytes(count);
  KIT_ASSIGN(const size_t done, ReadSome(file.get(), path, bytes));
  bytes.resize(done);
  return bytes;
}

Result<uint64_t> VideoFileSize(const std::filesystem::path& path) {
  KIT_ASSIGN(const uint64_t size_bytes, FileSize(path));
  KIT_ASSIGN(const Bytes begin, ReadBegin(path, kLfsPointer.size()));
  if (!IsLfsPointer(begin)) return size_bytes;
  return Error{Code::kCorrupt, "video: " + path.string() +
                                   ": is a Git LFS pointer, not the video itself; run \"git lfs pull\" in the "
                                   "repository it is from"};
}

Result<Bytes> ReadFile(const std::filesystem::path& path, uint64_t max_bytes) {
  KIT_ASSIGN(const uint64_t size_bytes, FileSize(path));
  if (size_bytes > max_bytes) {
    return Error{Code::kLimit, path.string() + ": file of " + std::to_string(size_bytes) + " bytes, limit " +
                                   std::to_string(max_bytes)};
  }
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return IoError(path, "cannot open", errno);
  Bytes bytes(size_bytes);
  KIT_ASSIGN(const size_t done, ReadSome(file.get(), path, bytes));
  if (done < bytes.size()) {
    return Error{Code::kIo, path.string() + ": became shorter while being read, got " + std::to_string(done) +
                                " bytes, expected " + std::to_string(size_bytes)};
  }
  return bytes;
}

Status CheckWritable(const std::filesystem::path& path, Overwrite overwrite,
                     std::span<const std::filesystem::path> inputs) {
  if (path.empty()) return Error{Code::kInvalidArgument, "the name of an output is empty"};
  std::error_code error;
  const auto is_path = [&](const std::filesystem::path& input) {
    if (std::filesystem::equivalent(path, input, error)) return true;
    // A file that is yet to be made.
    const auto whole = [&](const std::filesystem::path& name) {
      return std::filesystem::weakly_canonical(std::filesystem::absolute(name, error), error);
    };
    return whole(path) == whole(input) && !error;
  };
  for (const std::filesystem::path& input : inputs) {
    if (input.empty() || !is_path(input)) continue;
    return Error{Code::kInvalidArgument,
                 path.string() + ": is an input of this job (" + input.string() + "), give the output another name"};
  }
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) {
    return Error{Code::kInvalidArgument, path.string() + ": is a folder, expected a file name"};
  }
  // The rename at the end would replace a device or a pipe by a file.
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return Error{Code::kInvalidArgument, path.string() + ": is not a regular file, expected a file name"};
  }
  if (std::filesystem::exists(status) && overwrite == Overwrite::kRefuse) {
    return Error{Code::kInvalidArgument, path.string() + ": exists already, use --force to overwrite it"};
  }
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!std::filesystem::is_directory(folder, error)) {
    return Error{Code::kIo, path.string() + ": the folder " + folder.string() + " does not exist"};
  }
  if (access(folder.c_str(), W_OK) != 0) return IoError(path, "cannot write into its folder", errno);
  return Ok();
}

Result<OutputFile> OutputFile::Create(const std::filesystem::path& path, Overwrite overwrite) {
  KIT_TRY(CheckWritable(path, overwrite));
  OutputFile file;
  file.path_ = path;
  file.overwrite_ = overwrite;
  file.temporary_ = path.string() + ".part." + std::to_string(getpid());
  file.descriptor_ = open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file.descriptor_ < 0) return IoError(path, "cannot create", errno);
  Remember(file.temporary_.string());
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      overwrite_(other.overwrite_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_bytes_(other.size_bytes_) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  if (this != &other) {
    Discard();
    path_ = std::move(other.path_);
    temporary_ = std::move(other.temporary_);
    overwrite_ = other.overwrite_;
    descriptor_ = std::exchange(other.descriptor_, -1);
    size_bytes_ = other.size_bytes_;
  }
  return *this;
}

OutputFile::~OutputFile() { Discard(); }

void OutputFile::Discard() {
  if (descriptor_ < 0) return;
  close(std::exchange(descriptor_, -1));
  unlink(temporary_.c_str());
  Forget(temporary_.string());
}

Status OutputFile::Write(std::span<const uint8_t> bytes) {
  KIT_CHECK(descriptor_ >= 0);
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return IoError(path_, "cannot write", errno);
    bytes = bytes.subspan(static_cast<size_t>(count));
    size_bytes_ += static_cast<uint64_t>(count);
  }
  return Ok();
}

Status OutputFile::Write(std::string_view text) {
  return Write(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

Status OutputFile::Commit() {
  KIT_CHECK(descriptor_ >= 0);
  if (fsync(descriptor_) != 0) return IoError(path_, "cannot flush to disk", errno);
  if (close(std::exchange(descriptor_, -1)) != 0) {
    const int error_number = errno;
    unlink(temporary_.c_str());
    Forget(temporary_.string());
    return IoError(path_, "cannot close", error_number);
  }
  // Without --force an existing file must stay, even one created since Create(): link() fails on an existing name,
  // rename() would replace it.
  const int moved = overwrite_ == Overwrite::kAllow ? rename(temporary_.c_str(), path_.c_str())
                                                    : link(temporary_.c_str(), path_.c_str());
  const int error_number = errno;
  if (overwrite_ == Overwrite::kRefuse || moved != 0) unlink(temporary_.c_str());
  Forget(temporary_.string());
  if (moved != 0) return IoError(path_, "cannot rename the finished file to its name", error_number);
  return Ok();
}

Status WriteFile(const std::filesystem::path& path, std::span<const uint8_t> bytes, Overwrite overwrite) {
  KIT_ASSIGN(OutputFile file, OutputFile::Create(path, overwrite));
  KIT_TRY(file.Write(bytes));
  return file.Commit();
}

Status AppendLine(const std::filesystem::path& path, std::string_view line) {
  const Descriptor file(open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  if (file.get() < 0) return IoError(path, "cannot open for appending", errno);
  // Closing the descriptor releases the lock. Without locks (some network file systems) O_APPEND still keeps the order.
  static_cast<void>(flock(file.get(), LOCK_EX));
  const off_t old_size = lseek(file.get(), 0, SEEK_END);
  if (old_size < 0) return IoError(path, "cannot append to it", errno);
  char last = '\n';
  if (old_size > 0 && pread(file.get(), &last, 1, old_size - 1) != 1) return IoError(path, "cannot read", errno);
  if (last != '\n')
    return Error{Code::kCorrupt, path.string() + ": its last line does not end with a newline, repair it first"};
  const std::string text = std::string(line) + "\n";
  size_t done = 0;
  int error_number = 0;
  while (done < text.size() && error_number == 0) {
    const ssize_t count = write(file.get(), text.data() + done, text.size() - done);
    if (count >= 0) {
      done += static_cast<size_t>(count);
    } else if (errno != EINTR) {
      error_number = errno;
    }
  }
  if (error_number == 0 && fsync(file.get()) != 0) error_number = errno;
  if (error_number == 0) return Ok();
  if (ftruncate(file.get(), old_size) != 0) return IoError(path, "cannot remove an incomplete line", errno);
  return IoError(path, "cannot append to it", error_number);
}

void DiscardOpenOutputs() {
  for (const OpenOutput& output : open_outputs) {
    if (output.used.load()) unlink(output.name.data());
  }
}

}  // namespace kitsink
