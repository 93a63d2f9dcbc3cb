#pragma once
// Video encoders and decoders: AV1 and HEVC, without a container.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/frame.h"
#include "kitsink/result.h"
#include "kitsink/video.h"

namespace kitsink {

enum class VideoCoding : uint8_t { kAv1 = 0, kHevc = 1 };
std::string_view VideoCodingName(VideoCoding coding);  // "av1", "hevc"

struct StreamOptions {
  VideoCoding coding = VideoCoding::kAv1;
  std::string own_options;      // FFmpeg's, for instance "crf=40:preset=6"
  std::string encoder_options;  // the user's, further ones; they may not change size or format
  int frames_per_second = 20;
  int threads = 1;
};

// Encodes 8-bit 4:2:0 pictures of one size. The same pictures and options give the same bytes with the same encoder.
class StreamEncoder {
 public:
  // Uses the first of libsvtav1 and libaom-av1, or libx265. kUnsupported when this FFmpeg has none or refuses the
  // options, kInvalidArgument for options that are no list of key=value, repeat an own one, or change the pictures'
  // size or format.
  static Result<StreamEncoder> Create(FrameSize size, const StreamOptions& options);
  StreamEncoder(StreamEncoder&&) noexcept;
  StreamEncoder& operator=(StreamEncoder&&) noexcept;
  ~StreamEncoder();
  // "libsvtav1"
  std::string name() const;
  // REQUIRES: the picture has the size given to Create().
  Status Write(const Yuv420& picture);
  // The encoder's packets in order, each of whole units.
  Result<std::vector<Bytes>> Finish();

 private:
  struct Impl;
  explicit StreamEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Decodes units, a picture at a time, in the order of display.
class StreamDecoder {
 public:
  // The units' bytes must outlive the decoder. kUnsupported when this FFmpeg cannot decode the coding.
  static Result<StreamDecoder> Open(VideoCoding coding, std::vector<std::span<const uint8_t>> units, FrameSize size,
                                    int threads);
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;
  ~StreamDecoder();
  // kCorrupt when a unit is damaged, the units end, or they hold pictures of another size or format. Messages name the
  // picture and the byte.
  Result<Yuv420> Next();
  // kCorrupt when there is another picture.
  Status Finish();

 private:
  struct Impl;
  explicit StreamDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kitsink
