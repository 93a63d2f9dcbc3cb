#pragma once
// Finds HEVC pictures whose data end early or leave pixels out, which FFmpeg's decoder shows without a word.

#include <memory>

#include "video/ffmpeg.h"

namespace kitsink {

// Decodes the stream a second time, with noise behind each packet and noise in each fresh picture. The data of a sound
// picture end before the noise and set every pixel, so both decoders show the same. Where they differ the data are
// damaged for certain. Damage that happens to end in the right place is not found.
class HevcTwin {
 public:
  // Nothing when the stream needs no twin: other codecs, and containers that store the size of each unit. Nor is it
  // made when FFmpeg cannot start it.
  static std::unique_ptr<HevcTwin> Create(const AVCodecParameters& parameters);
  // Sends what was sent to the first decoder; nullptr at the end.
  void Send(const AVPacket* packet);
  // True if the twin's next picture equals `picture`, the next one of the first decoder.
  bool Shows(const AVFrame& picture);

 private:
  explicit HevcTwin(FfmpegPtr<AVCodecContext> context) : context_(std::move(context)) {}
  FfmpegPtr<AVCodecContext> context_;
  FfmpegPtr<AVPacket> packet_{av_packet_alloc()};
  FfmpegPtr<AVFrame> frame_{av_frame_alloc()};
};

}  // namespace kitsink
