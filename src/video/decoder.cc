// Decodes packets as PyAV does, and refuses pictures that FFmpeg has concealed or could not complete.

#include "video/decoder.h"

#include <optional>
#include <utility>

#include "video/hevc_units.h"

namespace kitsink {
namespace {

bool IsMpeg12(AVCodecID codec) { return codec == AV_CODEC_ID_MPEG1VIDEO || codec == AV_CODEC_ID_MPEG2VIDEO; }

}  // namespace

Result<Decoder> Decoder::Open(const AVStream& stream, int max_dimension, FfmpegLog& log) {
  const AVCodecParameters& parameters = *stream.codecpar;
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr) {
    return Error{Code::kUnsupported, std::string("FFmpeg has no decoder for ") + avcodec_get_name(parameters.codec_id)};
  }
  FfmpegPtr<AVCodecContext> context(avcodec_alloc_context3(codec));
  KIT_CHECK(context != nullptr);
  int code = avcodec_parameters_to_context(context.get(), &parameters);
  if (code < 0) return Error{Code::kCorrupt, "has invalid stream parameters: " + FfmpegErrorText(code)};
  context->opaque = &log;
  context->pkt_timebase = stream.time_base;
  context->max_pixels = int64_t{max_dimension} * max_dimension;
  // With one thread each error belongs to the packet just sent. Slice threads switch off the H.264 decoder's check for
  // missing blocks; frame threads report later, so that the same file would be refused at another frame each time.
  // They would save at most 4 ms of a frame's 150 ms in score.
  context->thread_count = 1;
  context->err_recognition = AV_EF_CRCCHECK;  // also compares the picture hashes that some HEVC streams carry
  // Without this flag H.264 pictures before the first complete one would be dropped uncounted.
  if (parameters.codec_id == AV_CODEC_ID_H264) context->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  code = avcodec_open2(context.get(), codec, nullptr);
  if (code < 0) {
    return Error{Code::kCorrupt,
                 std::string("cannot start the decoder for ") + codec->name + ": " + FfmpegErrorText(code)};
  }
  Decoder decoder(parameters, std::move(context), log);
  decoder.twin_ = HevcTwin::Create(parameters);
  return decoder;
}

// HEVC pictures before the first that needs no other, and leading pictures that refer to those, are not shown by FFmpeg
// 7 and PyAV. FFmpeg 5 shows the former as grey and drops the latter in silence, so both are dropped and counted here.
bool Decoder::MustSkip(int type) {
  if (!at_start_) return false;
  if (num_sent_ == 0 && StartsDecoding(type)) return false;
  if (num_sent_ == 0 || RefersBeforeStart(type)) return true;
  at_start_ = IsLeading(type);
  return false;
}

int Decoder::Send(AVPacket* packet) {
  bool holds_picture = packet != nullptr;
  if (packet != nullptr && context_->codec_id == AV_CODEC_ID_HEVC) {
    const std::optional<int> type = FindUnit(*parameters_, *packet, kPictureTypes);
    if (type.has_value() && MustSkip(*type)) {
      ++num_left_out_;
      return 0;
    }
    holds_picture = !StandsAlone(FindUnit(*parameters_, *packet, kAllTypes).value_or(0));
  }
  if (holds_picture) ++num_sent_;
  if (twin_ != nullptr) twin_->Send(packet);
  const int code = avcodec_send_packet(context_.get(), packet);
  return code < 0 ? code : 0;
}

Decoder::Outcome Decoder::Damaged(const std::string& what) {
  damage_ = what;
  return Outcome::kDamage;
}

Decoder::Outcome Decoder::Check(const AVFrame& picture) {
  if (const std::string logged = log_->damage(); !logged.empty()) return Damaged(logged);
  if ((picture.decode_error_flags & FF_DECODE_ERROR_MISSING_REFERENCE) != 0) return Damaged("a picture is missing");
  if (picture.decode_error_flags != 0) return Damaged("FFmpeg had to conceal a part of the picture");
  if ((picture.flags & AV_FRAME_FLAG_CORRUPT) != 0) return Damaged("FFmpeg says that the picture is incomplete");
  if (twin_ != nullptr && !twin_->Shows(picture)) return Damaged("the picture's data are cut short or altered");
  // MPEG-1 and MPEG-2 decoders drop pictures at the start in silence, and hold back one picture where there are
  // B-frames.
  const uint64_t held = 1 + static_cast<uint64_t>(context_->has_b_frames > 0);
  if (num_shown_ == 0 && IsMpeg12(context_->codec_id) && num_sent_ > held) num_left_out_ += num_sent_ - held;
  ++num_shown_;
  return Outcome::kPicture;
}

Decoder::Outcome Decoder::CheckEnd() {
  if (const std::string logged = log_->damage(); !logged.empty()) return Damaged(logged);
  // The HEVC decoder drops a picture in silence when its data end in the head.
  if (context_->codec_id == AV_CODEC_ID_HEVC && num_sent_ > num_shown_) {
    return Damaged("no frame came of the data of " + std::to_string(num_sent_ - num_shown_) + " pictures");
  }
  return Outcome::kEnd;
}

Decoder::Outcome Decoder::Receive(AVFrame& picture) {
  if (!damage_.empty()) return Outcome::kDamage;
  for (;;) {
    const int code = avcodec_receive_frame(context_.get(), &picture);
    if (code == AVERROR(EAGAIN)) return Outcome::kNeedsPacket;
    if (code == AVERROR_EOF) return CheckEnd();
    if (code < 0) return Damaged(FfmpegErrorText(code));
    const bool incomplete = (picture.flags & AV_FRAME_FLAG_CORRUPT) != 0;
    if (!incomplete || num_shown_ > 0 || context_->codec_id != AV_CODEC_ID_H264) return Check(picture);
    ++num_left_out_;
    log_->ForgetDamage();
    av_frame_unref(&picture);
  }
}

}  // namespace kitsink
