#pragma once
// Files: whole reads, and outputs that are whole or absent.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kitsink/bytes.h"
#include "kitsink/result.h"

namespace kitsink {

// Reads a regular file of at most `max_bytes`. kIo with the path and the reason; kLimit when larger.
Result<Bytes> ReadFile(const std::filesystem::path& path, uint64_t max_bytes);

// The first `count` bytes of a regular file; fewer when it is shorter.
Result<Bytes> ReadBegin(const std::filesystem::path& path, size_t count);

// Size of a regular file in bytes.
Result<uint64_t> FileSize(const std::filesystem::path& path);

enum class Overwrite { kRefuse, kAllow };

// kInvalidArgument when `path` exists and overwriting is refused; call before long work, Create checks again.
Status CheckWritable(const std::filesystem::path& path, Overwrite overwrite);

// An output that appears under its name only when Commit() succeeds: bytes go to "<name>.part.<pid>" in the
// same folder, then fsync, then rename. Destruction without Commit removes the temporary file.
class OutputFile {
 public:
  static Result<OutputFile> Create(const std::filesystem::path& path, Overwrite overwrite);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();
  // kIo names the path and the reason (disk full, for instance).
  Status Write(std::span<const uint8_t> bytes);
  Status Write(std::string_view text);
  Status Commit();
  const std::filesystem::path& path() const { return path_; }
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  OutputFile() = default;
  void Discard();
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  Overwrite overwrite_ = Overwrite::kRefuse;
  int descriptor_ = -1;
  uint64_t size_bytes_ = 0;
};

// OutputFile in one call.
Status WriteFile(const std::filesystem::path& path, std::span<const uint8_t> bytes, Overwrite overwrite);

// Adds `line` and a newline to a file, which is made when missing, and flushes it. Several processes may append. All of
// the line gets there or nothing: kIo says why not; kCorrupt for a file whose last line has no end.
Status AppendLine(const std::filesystem::path& path, std::string_view line);

// Removes the temporary files of every OutputFile still open; safe to call from a signal handler.
void DiscardOpenOutputs();

}  // namespace kitsink
