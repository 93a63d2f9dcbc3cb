#pragma once
// FFmpeg's C objects as owned values, and its log as something a reader can ask about.

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

// "Invalid data found when processing input" for AVERROR_INVALIDDATA.
std::string FfmpegErrorText(int error_number);

// Catches the error messages that FFmpeg logs for the contexts whose `opaque` points to this object. From the first
// FfmpegLog on, FFmpeg prints nothing in this process: only the command prints.
class FfmpegLog {
 public:
  FfmpegLog();
  ~FfmpegLog();
  FfmpegLog(const FfmpegLog&) = delete;
  FfmpegLog& operator=(const FfmpegLog&) = delete;
  // The first error logged since construction, or nothing.
  std::string first_error() const;
};

}  // namespace kitsink
