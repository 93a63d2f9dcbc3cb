#pragma once
// Turns the packets of a video stream into pictures, and tells sound pictures from damaged ones.

#include <memory>
#include <string>

#include "kitsink/result.h"
#include "video/ffmpeg.h"
#include "video/hevc_twin.h"

namespace kitsink {

// Gives the pictures that PyAV gives for the same packets.
class Decoder {
 public:
  // What Receive() found.
  enum class Outcome { kPicture, kNeedsPacket, kEnd, kDamage };

  // `log` and `stream` must outlive the decoder. Errors lack the file's name.
  static Result<Decoder> Open(const AVStream& stream, int max_dimension, FfmpegLog& log);
  // Sends a packet, or nullptr at the end of the stream. FFmpeg's error code, or 0.
  int Send(AVPacket* packet);
  // Gets the next picture. After kDamage, damage() says what is wrong and no further picture comes.
  Outcome Receive(AVFrame& picture);
  const std::string& damage() const { return damage_; }
  // Pictures that FFmpeg and PyAV do not show, because the stream begins after the pictures that they refer to.
  uint64_t num_left_out() const { return num_left_out_; }

 private:
  Decoder(const AVCodecParameters& parameters, FfmpegPtr<AVCodecContext> context, FfmpegLog& log)
      : parameters_(&parameters), context_(std::move(context)), log_(&log) {}
  Outcome Damaged(const std::string& what);
  bool MustSkip(int type);  // of an HEVC picture
  Outcome Check(const AVFrame& picture);
  Outcome CheckEnd();
  const AVCodecParameters* parameters_;
  FfmpegPtr<AVCodecContext> context_;
  FfmpegLog* log_;
  std::unique_ptr<HevcTwin> twin_;  // for HEVC without a container that knows the packets' sizes
  std::string damage_;
  uint64_t num_sent_ = 0, num_shown_ = 0, num_left_out_ = 0;
  bool at_start_ = true;  // HEVC: only the first picture and the leading pictures that refer before it have come
};

}  // namespace kitsink
