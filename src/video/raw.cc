// Reads and writes raw RGB frames by their index.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "kitsink/video.h"

namespace kitsink {

struct RawReader::Impl {
  ~Impl() {
    if (descriptor >= 0) close(descriptor);
  }
  std::filesystem::path path;
  FrameSize size;
  uint64_t num_frames = 0;
  int descriptor = -1;
};

RawReader::RawReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RawReader::RawReader(RawReader&&) noexcept = default;
RawReader& RawReader::operator=(RawReader&&) noexcept = default;
RawReader::~RawReader() = default;

Result<RawReader> RawReader::Open(const std::filesystem::path& path, FrameSize size) {
  if (size.size_bytes() == 0) return Error{Code::kInvalidArgument, "raw: frame size is 0"};
  KIT_ASSIGN(const uint64_t size_bytes, FileSize(path));
  if (size_bytes % size.size_bytes() != 0) {
    return Error{Code::kCorrupt, "raw: " + path.string() + ": " + std::to_string(size_bytes) +
                                     " bytes, expected a multiple of " + std::to_string(size.size_bytes()) + " (" +
                                     std::to_string(size.width) + " x " + std::to_string(size.height) + " x 3)"};
  }
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->size = size;
  impl->num_frames = size_bytes / size.size_bytes();
  impl->descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (impl->descriptor < 0) return Error{Code::kIo, path.string() + ": cannot open: " + std::strerror(errno)};
  return RawReader(std::move(impl));
}

uint64_t RawReader::num_frames() const { return impl_->num_frames; }

Result<Frame> RawReader::Read(uint64_t index) {
  KIT_CHECK(index < impl_->num_frames);
  Frame frame{impl_->size, std::vector<uint8_t>(impl_->size.size_bytes())};
  size_t done = 0;
  while (done < frame.rgb.size()) {
    const auto offset = static_cast<off_t>(index * frame.rgb.size() + done);
    const ssize_t count = pread(impl_->descriptor, frame.rgb.data() + done, frame.rgb.size() - done, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{Code::kIo, impl_->path.string() + ": cannot read: " + std::strerror(errno)};
    if (count == 0) {
      return Error{Code::kIo,
                   impl_->path.string() + ": became shorter while being read, at byte " + std::to_string(offset)};
    }
    done += static_cast<size_t>(count);
  }
  return frame;
}

RawCanvas::RawCanvas(std::filesystem::path path, FrameSize size, uint64_t num_frames, int descriptor)
    : path_(std::move(path)), size_(size), num_frames_(num_frames), descriptor_(descriptor) {}

RawCanvas::RawCanvas(RawCanvas&& other) noexcept { *this = std::move(other); }

RawCanvas& RawCanvas::operator=(RawCanvas&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  std::swap(num_frames_, other.num_frames_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

RawCanvas::~RawCanvas() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<RawCanvas> RawCanvas::Open(const std::filesystem::path& path, FrameSize size, uint64_t num_frames) {
  RawCanvas canvas(path, size, num_frames, open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  const auto failed = [&path](const char* what, int error_number) {
    return Error{Code::kIo, path.string() + ": " + what + ": " + std::strerror(error_number)};
  };
  if (canvas.descriptor_ < 0) return failed("cannot create", errno);
  const auto size_bytes = static_cast<off_t>(num_frames * size.size_bytes());
  // Some file systems cannot reserve space. There the file becomes sparse, and a full disk is an error of Write().
  if (fallocate(canvas.descriptor_, 0, 0, size_bytes) != 0) {
    const int error_number = errno;
    if (error_number != EOPNOTSUPP && error_number != ENOSYS) {
      return failed(("cannot reserve " + std::to_string(size_bytes) + " bytes").c_str(), error_number);
    }
    if (ftruncate(canvas.descriptor_, size_bytes) != 0) return failed("cannot set its length", errno);
  }
  return canvas;
}

Status RawCanvas::Write(uint64_t index, const Frame& frame) {
  KIT_CHECK(index < num_frames_ && frame.size == size_ && frame.rgb.size() == size_.size_bytes());
  size_t done = 0;
  while (done < frame.rgb.size()) {
    const auto offset = static_cast<off_t>(index * frame.rgb.size() + done);
    const ssize_t count = pwrite(descriptor_, frame.rgb.data() + done, frame.rgb.size() - done, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{Code::kIo, path_.string() + ": cannot write: " + std::strerror(errno)};
    done += static_cast<size_t>(count);
  }
  return Ok();
}

Status RawCanvas::Flush() {
  if (fdatasync(descriptor_) == 0) return Ok();
  return Error{Code::kIo, path_.string() + ": cannot flush to disk: " + std::strerror(errno)};
}

}  // namespace kitsink
