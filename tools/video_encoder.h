#pragma once
// Writes clips with FFmpeg's encoders, for tests and developer tools. The command does not use it.

#include <filesystem>
#include <memory>
#include <string>

#include "kitsink/frame.h"
#include "kitsink/result.h"
#include "kitsink/video.h"

namespace kitsink {

struct VideoEncoderOptions {
  std::string codec = "libx265";         // name of an FFmpeg encoder: libx264, ffv1, ...
  std::string pixel_format = "yuv420p";  // a planar YUV format of the encoder: yuv420p10le, yuv444p, ...
  std::string codec_options;             // FFmpeg options, for instance "crf=18:preset=medium"
  int frames_per_second = 20;
};

// The file name's extension (.mkv, .mp4, .hevc) selects the container. The file gets its name at Commit().
class VideoEncoder {
 public:
  static Result<VideoEncoder> Create(const std::filesystem::path& path, FrameSize size,
                                     const VideoEncoderOptions& options);
  VideoEncoder(VideoEncoder&&) noexcept;
  VideoEncoder& operator=(VideoEncoder&&) noexcept;
  ~VideoEncoder();
  // Converts with ConvertToYuv420() and writes. REQUIRES: the frame has the size given to Create().
  Status Write(const Frame& frame);
  Status Write(const Yuv420& picture);
  Status Commit();

 private:
  struct Impl;
  explicit VideoEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kitsink
