// Reads inflated frames as upstream reads them.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "kitsink/scorer.h"

namespace kitsink {

Result<InflatedFrames> InflatedFrames::Open(const std::filesystem::path& path, FrameSize size) {
  KIT_ASSIGN(const uint64_t size_bytes, FileSize(path));
  InflatedFrames frames(path, size, size_bytes);
  frames.descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (frames.descriptor_ < 0) return Error{Code::kIo, path.string() + ": cannot open: " + std::strerror(errno)};
  return frames;
}

InflatedFrames::InflatedFrames(std::filesystem::path path, FrameSize size, uint64_t size_bytes)
    : path_(std::move(path)), size_(size), size_bytes_(size_bytes) {}

InflatedFrames::InflatedFrames(InflatedFrames&& other) noexcept
    : path_(std::move(other.path_)),
      size_(other.size_),
      size_bytes_(other.size_bytes_),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

InflatedFrames::~InflatedFrames() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::string InflatedFrames::Description() const {
  std::string text =
      std::to_string(num_frames()) + " frames of " + std::to_string(size_.width) + " x " + std::to_string(size_.height);
  if (trailing_bytes() > 0) text += " and " + std::to_string(trailing_bytes()) + " bytes more";
  return text;
}

Result<FramePair> InflatedFrames::ReadPair(uint64_t index) {
  KIT_CHECK(index < num_pairs());
  KIT_ASSIGN(Frame f0, ReadFrame(2 * index));
  KIT_ASSIGN(Frame f1, ReadFrame(2 * index + 1));
  return FramePair{std::move(f0), std::move(f1)};
}

Result<Frame> InflatedFrames::ReadFrame(uint64_t index) {
  Frame frame{size_, std::vector<uint8_t>(size_.size_bytes())};
  size_t done = 0;
  while (done < frame.rgb.size()) {
    const auto offset = static_cast<off_t>(index * frame.rgb.size() + done);
    const ssize_t count = pread(descriptor_, frame.rgb.data() + done, frame.rgb.size() - done, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{Code::kIo, path_.string() + ": cannot read: " + std::strerror(errno)};
    if (count == 0) {
      return Error{Code::kIo, path_.string() + ": became shorter while being read, at byte " + std::to_string(offset)};
    }
    done += static_cast<size_t>(count);
  }
  return frame;
}

}  // namespace kitsink
