#pragma once
// Reads whole files, and writes outputs that are either complete or absent.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kitsink/bytes.h"
#include "kitsink/result.h"

namespace kitsink {

// Reads a regular file. kLimit when it is larger than `max_bytes`; kIo, with path and reason, when it cannot be read.
Result<Bytes> ReadFile(const std::filesystem::path& path, uint64_t max_bytes);

// Reads the first `count` bytes of a regular file, or all of a shorter one.
Result<Bytes> ReadBegin(const std::filesystem::path& path, size_t count);

// Size of a regular file in bytes.
Result<uint64_t> FileSize(const std::filesystem::path& path);

// Size in bytes of a video as it was shot. kCorrupt for a Git LFS pointer, whose few bytes would otherwise stand for
// the video's in a score.
Result<uint64_t> VideoFileSize(const std::filesystem::path& path);

enum class Overwrite { kRefuse, kAllow };

// kInvalidArgument when `path` is a folder, is one of the `inputs` (by another name or through links, too; empty paths
// are skipped), or exists and overwriting is refused; kIo when its folder is missing or not writable. For use before
// long work; OutputFile::Create checks again, but for the inputs.
Status CheckWritable(const std::filesystem::path& path, Overwrite overwrite,
                     std::span<const std::filesystem::path> inputs = {});

// An output file that appears under its name only when Commit() succeeds. Write() writes to "<name>.part.<pid>" in the
// same folder; Commit() calls fsync and rename. Destruction without Commit() removes the temporary file.
class OutputFile {
 public:
  static Result<OutputFile> Create(const std::filesystem::path& path, Overwrite overwrite);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();
  // kIo with the path and the reason, for instance a full disk.
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

// Writes a whole file through OutputFile.
Status WriteFile(const std::filesystem::path& path, std::span<const uint8_t> bytes, Overwrite overwrite);

// Appends `line` and a newline to a file, creates the file when it is missing, and flushes it to the disk. Several
// processes may append to one file. kIo when this fails; the file is then cut back to its old length. kCorrupt when the
// file's last line has no newline.
Status AppendLine(const std::filesystem::path& path, std::string_view line);

// Removes the temporary file of every open OutputFile. Safe to call from a signal handler.
void DiscardOpenOutputs();

}  // namespace kitsink
