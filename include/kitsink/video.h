#pragma once
// Video files in, raw RGB frames in and out.

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
#include "kitsink/result.h"

namespace kitsink {

// Decodes the first video stream of a file (mkv, mp4, raw hevc, ...) frame by frame through FFmpeg, one frame in
// memory at a time. Only 8-bit 4:2:0; anything else is kUnsupported and says what was found. Colour is upstream's
// own conversion, to the last bit: bilinear chroma up-sampling (align_corners false), BT.601 limited range, float32,
// clamp, round half to even; range and matrix tags are ignored as upstream ignores them.
class VideoReader {
 public:
  static Result<VideoReader> Open(const std::filesystem::path& path, const Limits& limits);
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;
  ~VideoReader();
  FrameSize frame_size() const;
  // The container's estimate of the number of frames; 0 when it does not say.
  uint64_t estimated_frames() const;
  double frames_per_second() const;
  // The next frame in presentation order, or nothing at the end of the file. The end itself is kCorrupt when FFmpeg
  // noticed damage that it passed over (a file that breaks off, for instance).
  // kCorrupt when the file breaks off or a frame cannot be decoded, kUnsupported when the size changes midway.
  Result<std::optional<Frame>> Next();
  // As Next(), for a frame nobody looks at: false at the end of the file.
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
  static Result<PairReader> Open(const std::filesystem::path& path, const PairRange& range, const Limits& limits);
  // The next pair of the range, or nothing. kInvalidArgument when the video ends before the range begins or,
  // for a range with an end, before it ends.
  Result<std::optional<FramePair>> Next();
  // Reads and drops what is left of the video, then returns how many pairs the whole of it has.
  Result<uint64_t> CountAllPairs();
  FrameSize frame_size() const { return video_.frame_size(); }
  // The container's estimate, clipped to the range.
  uint64_t estimated_pairs() const;

 private:
  PairReader(VideoReader video, const PairRange& range) : video_(std::move(video)), range_(range) {}
  Result<std::optional<FramePair>> NextOfVideo();
  Result<bool> SkipPair();
  void WarnOfOddFrame() const;
  VideoReader video_;
  PairRange range_;
  uint64_t position_ = 0;  // pairs read so far, from the video's start
};

// "FFmpeg libavcodec 59.37.100", of the library that runs.
std::string DecoderVersion();

// One 8-bit 4:2:0 picture as decoded: planes without padding.
struct Yuv420 {
  FrameSize size;
  std::vector<uint8_t> y;  // width * height
  std::vector<uint8_t> u;  // ceil(width / 2) * ceil(height / 2)
  std::vector<uint8_t> v;
};

// Upstream's colour conversion alone (see VideoReader).
Frame ConvertToRgb(const Yuv420& picture);

// rgb24 frames of one size in one file without a header, frame after frame: the contest's ".raw".
class RawReader {
 public:
  // kCorrupt when the file's size is no whole number of frames.
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

// A .raw of known length whose frames arrive in any order, also from several processes. It is no OutputFile: keep it
// under another name until all frames are there.
class RawCanvas {
 public:
  // Opens the file, or makes it; its disk space is reserved at once, so that a full disk shows before the work.
  static Result<RawCanvas> Open(const std::filesystem::path& path, FrameSize size, uint64_t num_frames);
  RawCanvas(RawCanvas&& other) noexcept;
  RawCanvas& operator=(RawCanvas&& other) noexcept;
  ~RawCanvas();
  // REQUIRES: index < num_frames, frame.size is the canvas's.
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

// One picture through FFmpeg's encoders: exact, or small and close enough for people.
Result<Bytes> EncodePng(const Frame& frame);
Result<Bytes> EncodeJpeg(const Frame& frame);

// EncodePng into a file.
Status SavePng(const std::filesystem::path& path, const Frame& frame, Overwrite overwrite);

// Reads an 8-bit RGB PNG; kUnsupported for grey, palette, alpha or 16 bits.
Result<Frame> LoadPng(const std::filesystem::path& path, const Limits& limits = Limits());

}  // namespace kitsink
