#pragma once
// Smart pointers for FFmpeg's C objects, and access to the errors that FFmpeg logs.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include <memory>
#include <string>

namespace kitsink {

struct FfmpegDeleter {
  void operator()(AVFormatContext* context) const { avformat_close_input(&context); }
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
template <typename T>
using FfmpegPtr = std::unique_ptr<T, FfmpegDeleter>;

// FFmpeg's text for an error code, for instance "Invalid data found when processing input".
std::string FfmpegErrorText(int error_number);

// Collects the errors that FFmpeg logs for contexts whose `opaque` points to this object. Once an FfmpegLog has been
// made, FFmpeg prints nothing in this process.
class FfmpegLog {
 public:
  FfmpegLog();
  ~FfmpegLog();
  FfmpegLog(const FfmpegLog&) = delete;
  FfmpegLog& operator=(const FfmpegLog&) = delete;
  // The first error logged since construction, or an empty string.
  std::string first_error() const;
  // The first line of a decoder that means missing or wrong pixels, or an empty string. FFmpeg logs as errors many
  // things that leave the pictures whole, for instance a marker segment of MJPEG that it does not know.
  std::string damage() const;
  void ForgetDamage();
  // The first line of a container's reader that means that the file was cut, or an empty string.
  std::string cut() const;
};

}  // namespace kitsink
