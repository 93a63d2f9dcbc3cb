#pragma once
// An original's observations, kept in the user's cache folder, so that the next score of the clip is faster.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "kitsink/file.h"
#include "kitsink/frame.h"
#include "kitsink/hash.h"
#include "kitsink/nets.h"

namespace kitsink {

// $XDG_CACHE_HOME/kitsink, else ~/.cache/kitsink; empty when neither variable is set.
std::filesystem::path CacheFolder();

// The file for `key`, a text that names everything that the observations depend on.
std::filesystem::path ObservationCachePath(const std::filesystem::path& folder, const std::string& key);

// Writes observations in order. The file appears whole, or not at all.
class ObservationCacheWriter {
 public:
  // Makes the folder when it is missing.
  static Result<ObservationCacheWriter> Create(const std::filesystem::path& path, const std::string& key,
                                               FrameSize frame_size);
  Status Add(const Observation& observation);
  Status Commit();

 private:
  explicit ObservationCacheWriter(OutputFile file) : file_(std::move(file)) {}
  Status Write(std::span<const uint8_t> bytes);
  OutputFile file_;
  Sha256 hash_;
  uint32_t count_ = 0;
};

// Reads observations back, one at a time.
class ObservationCacheReader {
 public:
  // Nothing when there is no such file. First checks the whole file against its checksum: kCorrupt when it is damaged
  // or was written for another key.
  static Result<std::optional<ObservationCacheReader>> Open(const std::filesystem::path& path, const std::string& key);
  FrameSize frame_size() const { return frame_size_; }
  uint32_t num_pairs() const { return num_pairs_; }
  // The next one, or nothing after the last.
  Result<std::optional<Observation>> Next();

 private:
  ObservationCacheReader() = default;
  std::ifstream file_;
  FrameSize frame_size_;
  uint32_t num_pairs_ = 0;
  uint32_t next_ = 0;
};

}  // namespace kitsink
