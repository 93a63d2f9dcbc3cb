#pragma once
// Writes small clips with FFmpeg's encoders: for tests and for tools that make footage, not for the product.

#include <filesystem>
#include <memory>
#include <string>

#include "kitsink/frame.h"
#include "kitsink/result.h"
#include "kitsink/video.h"

namespace kitsink {

struct VideoEncoderOptions {
  std::string codec = "libx265";         // any encoder of this FFmpeg: libx264, ffv1, ...
  std::string pixel_format = "yuv420p";  // planar YUV that the encoder takes: yuv420p10le, yuv444p, ...
  std::string codec_options;             // "crf=18:preset=medium", FFmpeg's own option names
  int frames_per_second = 20;
};

// The container follows from the file's ending (.mkv, .mp4, .hevc). The file takes its name on Commit.
class VideoEncoder {
 public:
  static Result<VideoEncoder> Create(const std::filesystem::path& path, FrameSize size,
                                     const VideoEncoderOptions& options);
  VideoEncoder(VideoEncoder&&) noexcept;
  VideoEncoder& operator=(VideoEncoder&&) noexcept;
  ~VideoEncoder();
  // Goes through ConvertToYuv420. REQUIRES: the size given to Create.
  Status Write(const Frame& frame);
  Status Write(const Yuv420& picture);
  Status Commit();

 private:
  struct Impl;
  explicit VideoEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// BT.601 limited range, chroma averaged over 2 x 2 pixels: the inverse of ConvertToRgb up to rounding.
Yuv420 ConvertToYuv420(const Frame& frame);

}  // namespace kitsink
