#pragma once
// Reads video files; reads and writes raw RGB frames and pictures.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kitsink/file.h"
#include "kitsink/frame.h"
#include "kitsink/limits.h"
#include "kitsink/log.h"
#include "kitsink/result.h"

namespace kitsink {

// Whether a reader logs what a user should know of a video that it accepts. A second reader of the same file says
// nothing.
enum class Remarks { kLog, kNone };

// Decodes the first video stream of a file (mkv, mp4, raw hevc, ...) through FFmpeg, with one frame in memory at a
// time. The frames are those of PyAV, the contest's reader: frames at the start that refer to frames before it are left
// out. Pixels must be 8-bit 4:2:0; other formats are kUnsupported, and the message names the format. Colour conversion
// is bit-equal to the contest's: bilinear chroma up-sampling (align_corners false), BT.601 limited range, float32,
// clamp, round half to even. Like the contest's code it ignores range and matrix tags.
class VideoReader {
 public:
  // kCorrupt for a Git LFS pointer, among others.
  static Result<VideoReader> Open(const std::filesystem::path& path, const Limits& limits,
                                  Remarks remarks = Remarks::kLog);
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;
  ~VideoReader();
  FrameSize frame_size() const;
  // The number of frames as estimated from the container, whose claim may be wrong; 0 when it gives no hint.
  uint64_t estimated_frames() const;
  double frames_per_second() const;
  // The next frame in presentation order, or nothing at the end of the file. kCorrupt when a frame is damaged, which
  // PyAV would show, or at the end when the file was cut. kUnsupported when the size changes. Not every damage can be
  // seen: docs/usage.md tells which.
  Result<std::optional<Frame>> Next();
  // Decodes the next frame and drops it; false at the end of the file. Errors as Next().
  Result<bool> Skip();

 private:
  struct Impl;
  explicit VideoReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Pairs of a video in order, restricted to a range. An odd last frame has no partner: it is dropped with a
// warning, as the contest's scorer drops it.
class PairReader {
 public:
  static Result<PairReader> Open(const std::filesystem::path& path, const PairRange& range, const Limits& limits,
                                 Remarks remarks = Remarks::kLog);
  // The next pair of the range, or nothing. kInvalidArgument when the video ends before the range begins or,
  // for a range with an end, before it ends. The message about a damaged frame names the pairs before it.
  Result<std::optional<FramePair>> Next();
  // Decodes the next pair of the range and drops it; false at the end. Errors as Next().
  Result<bool> Skip();
  // Reads and drops what is left of the video, then returns how many pairs the whole of it has.
  Result<uint64_t> CountAllPairs();
  // Pairs read so far, from the video's start, also those before the range.
  uint64_t position() const { return position_; }
  FrameSize frame_size() const { return video_.frame_size(); }
  // The length of a range with an end; else the container's estimate, which may be wrong. Only for progress:
  // CountPairs() knows.
  uint64_t estimated_pairs() const;

 private:
  PairReader(VideoReader video, const PairRange& range, Remarks remarks)
      : video_(std::move(video)), range_(range), remarks_(remarks) {}
  Result<bool> SkipToRange();
  Result<bool> SkipPair();
  Result<std::optional<FramePair>> NextOfVideo();
  Status CheckEnd() const;
  Error WithRemedy(Error error) const;
  void WarnOfOddFrame() const;
  VideoReader video_;
  PairRange range_;
  Remarks remarks_;
  uint64_t position_ = 0;
};

// Decodes the range and returns how many pairs it has; the container's claim plays no part. Logs nothing. Errors as
// PairReader::Next(); kLimit beyond limits.max_pairs; kInterrupted when `progress` asks to stop.
Result<uint64_t> CountPairs(const std::filesystem::path& path, const PairRange& range, const Limits& limits,
                            Progress& progress);

// Version of the FFmpeg library at run time, for instance "FFmpeg libavcodec 59.37.100".
std::string DecoderVersion();

// One decoded 8-bit 4:2:0 picture; its planes have no padding.
struct Yuv420 {
  FrameSize size;
  std::vector<uint8_t> y;  // width * height
  std::vector<uint8_t> u;  // ceil(width / 2) * ceil(height / 2)
  std::vector<uint8_t> v;
};

// The colour conversion of VideoReader.
Frame ConvertToRgb(const Yuv420& picture);
// BT.601 limited range, chroma averaged over 2 x 2 pixels: the inverse of ConvertToRgb up to rounding.
Yuv420 ConvertToYuv420(const Frame& frame);

// A smaller copy by FFmpeg's Lanczos filter, for encoders. REQUIRES: no side is 0 or larger than the frame's.
Frame Shrink(const Frame& frame, FrameSize size);

// Reads the contest's ".raw": rgb24 frames of one size, one after another, without a header.
class RawReader {
 public:
  // kCorrupt when the file's size is not a multiple of the frame size.
  static Result<RawReader> Open(const std::filesystem::path& path, FrameSize size);
  RawReader(RawReader&&) noexcept;
  RawReader& operator=(RawReader&&) noexcept;
  ~RawReader();
  uint64_t num_frames() const;
  // REQUIRES: index < num_frames().
  Result<Frame> Read(uint64_t index);

 private:
  struct Impl;
  explicit RawReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Writes a .raw of known length. Frames may arrive in any order and from several processes. Unlike an OutputFile the
// file is visible at once, so it should keep a temporary name until all frames are written.
class RawCanvas {
 public:
  // Opens or creates the file and reserves its disk space, so that a full disk is an error before the work starts.
  static Result<RawCanvas> Open(const std::filesystem::path& path, FrameSize size, uint64_t num_frames);
  RawCanvas(RawCanvas&& other) noexcept;
  RawCanvas& operator=(RawCanvas&& other) noexcept;
  ~RawCanvas();
  // REQUIRES: index < num_frames and frame.size == the size given to Open().
  Status Write(uint64_t index, const Frame& frame);
  // Returns when all frames written so far are on the disk.
  Status Flush();

 private:
  RawCanvas(std::filesystem::path path, FrameSize size, uint64_t num_frames, int descriptor);
  std::filesystem::path path_;
  FrameSize size_;
  uint64_t num_frames_ = 0;
  int descriptor_ = -1;
};

// Encodes one picture with FFmpeg: lossless as PNG, lossy as JPEG (quality about 90).
Result<Bytes> EncodePng(const Frame& frame);
Result<Bytes> EncodeJpeg(const Frame& frame);

// Writes a PNG file.
Status SavePng(const std::filesystem::path& path, const Frame& frame, Overwrite overwrite);

// Reads an 8-bit RGB PNG; kUnsupported for grey, palette, alpha or 16 bits.
Result<Frame> LoadPng(const std::filesystem::path& path, const Limits& limits = Limits());

}  // namespace kitsink
