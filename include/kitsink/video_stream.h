#pragma once
// Bare video streams: the coded units of AV1 or HEVC one after another, without a container.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kitsink/bytes.h"
#include "kitsink/frame.h"
#include "kitsink/result.h"
#include "kitsink/video.h"

namespace kitsink {

enum class VideoCoding : uint8_t { kAv1 = 0, kHevc = 1 };
std::string_view VideoCodingName(VideoCoding coding);  // "av1", "hevc"

// Bytes of a stream up to the end of its first picture's first unit: headers and the key frame. The whole stream where
// it holds no picture.
size_t KeyFrameBytes(VideoCoding coding, std::span<const uint8_t> stream);

struct StreamOptions {
  VideoCoding coding = VideoCoding::kAv1;
  std::string encoder_options;  // FFmpeg's, for instance "crf=40:preset=6"; they may not change size or format
  int frames_per_second = 20;
  int threads = 1;
};

// Encodes 8-bit 4:2:0 pictures of one size. The same pictures and options give the same bytes with the same encoder.
class StreamEncoder {
 public:
  // Uses the first of libsvtav1 and libaom-av1, or libx265. kUnsupported when this FFmpeg has none or refuses the
  // options, kInvalidArgument for options that are no list of key=value.
  static Result<StreamEncoder> Create(FrameSize size, const StreamOptions& options);
  StreamEncoder(StreamEncoder&&) noexcept;
  StreamEncoder& operator=(StreamEncoder&&) noexcept;
  ~StreamEncoder();
  // "libsvtav1"
  std::string name() const;
  // REQUIRES: the picture has the size given to Create().
  Status Write(const Yuv420& picture);
  // All units but those that say nothing about pixels (delimiters, messages, repeated headers).
  Result<Bytes> Finish();

 private:
  struct Impl;
  explicit StreamEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Decodes such a stream, a picture at a time, in the order of display.
class StreamDecoder {
 public:
  // `stream` must outlive the decoder. kUnsupported when this FFmpeg cannot decode the coding.
  static Result<StreamDecoder> Open(VideoCoding coding, std::span<const uint8_t> stream, FrameSize size, int threads);
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;
  ~StreamDecoder();
  // kCorrupt when the stream is damaged, ends, or holds pictures of another size or format. Messages name the picture
  // and the byte.
  Result<Yuv420> Next();
  // kCorrupt when there is another picture.
  Status Finish();

 private:
  struct Impl;
  explicit StreamDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kitsink
