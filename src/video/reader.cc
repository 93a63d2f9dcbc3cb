// Decodes video files through FFmpeg and treats every sign of damage as an error.

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <utility>

#include "kitsink/video.h"
#include "video/colour.h"
#include "video/ffmpeg.h"

namespace kitsink {
namespace {

// Formats that hold a video in one file. FFmpeg knows many more; among them are playlists that open other files and
// network addresses, and text files rendered as pictures.
constexpr const char* kFormats =
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,mpegts,mpeg,flv,ivf,obu,nut,yuv4mpegpipe,hevc,h264,m4v,mpegvideo";

std::string Describe(AVPixelFormat format) {
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  if (description == nullptr) return "an unknown pixel format";
  return std::to_string(description->comp[0].depth) + "-bit " + description->name;
}

std::string Describe(FrameSize size) { return std::to_string(size.width) + " x " + std::to_string(size.height); }

}  // namespace

struct VideoReader::Impl {
  Status Open(const Limits& limits);
  Status Decode();
  Status Fetch();
  Status CheckFrame(FrameSize expected);
  Error Fail(Code code, const std::string& what) const { return Error{code, "video: " + path.string() + ": " + what}; }
  // An error with FFmpeg's text for `error_number` and the first error that FFmpeg logged.
  Error Corrupt(const std::string& what, int error_number) const {
    const std::string logged = log.first_error();
    return Fail(Code::kCorrupt, what + ": " + FfmpegErrorText(error_number) + (logged.empty() ? "" : ", " + logged));
  }

  std::filesystem::path path;
  FfmpegLog log;  // must outlive the contexts, which refer to it
  FfmpegPtr<AVFormatContext> container;
  FfmpegPtr<AVCodecContext> decoder;
  FfmpegPtr<AVPacket> packet{av_packet_alloc()};
  FfmpegPtr<AVFrame> frame{av_frame_alloc()};
  AVStream* stream = nullptr;
  FrameSize size;
  uint64_t num_frames = 0;  // decoded so far
  bool pending = false;     // `frame` holds a picture that Next has not returned
  bool draining = false;    // the container has ended
  bool finished = false;    // the decoder has ended, or failed
};

Status VideoReader::Impl::Open(const Limits& limits) {
  KIT_ASSIGN(const uint64_t size_bytes, FileSize(path));
  if (size_bytes == 0) return Fail(Code::kCorrupt, "is empty, expected a video");
  AVFormatContext* context = avformat_alloc_context();
  KIT_CHECK(context != nullptr && packet != nullptr && frame != nullptr);
  context->opaque = &log;
  context->error_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "format_whitelist", kFormats, 0);
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  // Without "file:" FFmpeg would parse a name with a colon as an address. On failure FFmpeg frees the context.
  int code = avformat_open_input(&context, ("file:" + path.string()).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (code < 0) return Corrupt("is not a video that FFmpeg can open", code);
  container.reset(context);
  code = avformat_find_stream_info(context, nullptr);
  if (code < 0) return Corrupt("cannot determine its contents", code);
  for (unsigned i = 0; i < context->nb_streams; ++i) {
    AVStream* candidate = context->streams[i];
    const bool chosen = stream == nullptr && candidate->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
    if (chosen) stream = candidate;
    candidate->discard = chosen ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
  if (stream == nullptr) return Fail(Code::kCorrupt, "holds no video stream");
  const AVCodecParameters& parameters = *stream->codecpar;
  if (parameters.codec_id == AV_CODEC_ID_NONE)
    return Corrupt("does not name the codec of its video", AVERROR_INVALIDDATA);
  const auto limit = static_cast<int>(limits.max_dimension);
  if (parameters.width > limit || parameters.height > limit) {
    return Fail(Code::kLimit, "frames of " + std::to_string(parameters.width) + " x " +
                                  std::to_string(parameters.height) + ", limit " + std::to_string(limit));
  }
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr) {
    return Fail(Code::kUnsupported, std::string("FFmpeg has no decoder for ") + avcodec_get_name(parameters.codec_id));
  }
  decoder.reset(avcodec_alloc_context3(codec));
  KIT_CHECK(decoder != nullptr);
  code = avcodec_parameters_to_context(decoder.get(), &parameters);
  if (code < 0) return Corrupt("has invalid stream parameters", code);
  decoder->opaque = &log;
  decoder->pkt_timebase = stream->time_base;
  decoder->max_pixels = int64_t{limit} * limit;
  decoder->thread_count = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 8U));
  decoder->thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE;
  // By default FFmpeg conceals or drops damaged pictures; here they must be output and refused.
  decoder->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
  decoder->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  code = avcodec_open2(decoder.get(), codec, nullptr);
  if (code < 0) return Corrupt(std::string("cannot start the decoder for ") + codec->name, code);
  // Size and pixel format come from the first picture, because the container's claims may be wrong.
  KIT_TRY(Decode());
  if (!pending) return Fail(Code::kCorrupt, "holds no frames");
  size = {static_cast<uint32_t>(frame->width), static_cast<uint32_t>(frame->height)};
  if (frame->width > limit || frame->height > limit) {
    return Fail(Code::kLimit, "frames of " + Describe(size) + ", limit " + std::to_string(limit));
  }
  return CheckFrame(size);
}

// Decodes the next picture into `frame` and sets `pending`. At the end of the file `pending` stays false.
Status VideoReader::Impl::Decode() {
  const std::string where = "frame " + std::to_string(num_frames);
  while (!finished) {
    int code = avcodec_receive_frame(decoder.get(), frame.get());
    if (code >= 0) {
      if ((frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame->decode_error_flags != 0) {
        finished = true;
        return Corrupt(where + " is damaged", AVERROR_INVALIDDATA);
      }
      pending = true;
      ++num_frames;
      return Ok();
    }
    if (code == AVERROR_EOF) {
      finished = true;
      // For some damage, such as a truncated file, demuxers and decoders only log a message.
      if (!log.first_error().empty())
        return Corrupt("damaged, " + std::to_string(num_frames) + " frames decoded", AVERROR_INVALIDDATA);
      return Ok();
    }
    if (code != AVERROR(EAGAIN)) {
      finished = true;
      return Corrupt(where + " cannot be decoded", code);
    }
    code = draining ? AVERROR_EOF : av_read_frame(container.get(), packet.get());
    if (code < 0 && code != AVERROR_EOF) {
      finished = true;
      return Corrupt(where + " cannot be read", code);
    }
    if (code == AVERROR_EOF) {
      draining = true;
      code = avcodec_send_packet(decoder.get(), nullptr);
    } else if (packet->stream_index == stream->index) {
      const bool damaged = (packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
      code = damaged ? AVERROR_INVALIDDATA : avcodec_send_packet(decoder.get(), packet.get());
    }
    av_packet_unref(packet.get());
    if (code < 0) {
      finished = true;
      return Corrupt(where + " cannot be decoded", code);
    }
  }
  return Ok();
}

Status VideoReader::Impl::CheckFrame(FrameSize expected) {
  const auto format = static_cast<AVPixelFormat>(frame->format);
  if (format != AV_PIX_FMT_YUV420P && format != AV_PIX_FMT_YUVJ420P) {
    return Fail(Code::kUnsupported, Describe(format) + ", expected 8-bit 4:2:0 (yuv420p)");
  }
  const FrameSize found{static_cast<uint32_t>(frame->width), static_cast<uint32_t>(frame->height)};
  if (found == expected) return Ok();
  return Fail(Code::kUnsupported, "frame " + std::to_string(num_frames - 1) + ": the size changes to " +
                                      Describe(found) + ", expected " + Describe(expected));
}

// Makes the next picture pending and checks it. At the end of the file none is pending.
Status VideoReader::Impl::Fetch() {
  if (!pending) KIT_TRY(Decode());
  if (!pending) return Ok();
  Status usable = CheckFrame(size);
  if (!usable.ok()) {
    pending = false;
    finished = true;
  }
  return usable;
}

VideoReader::VideoReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;
VideoReader::~VideoReader() = default;

Result<VideoReader> VideoReader::Open(const std::filesystem::path& path, const Limits& limits) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  KIT_TRY(impl->Open(limits));
  return VideoReader(std::move(impl));
}

FrameSize VideoReader::frame_size() const { return impl_->size; }

double VideoReader::frames_per_second() const {
  const AVRational rate = av_guess_frame_rate(impl_->container.get(), impl_->stream, nullptr);
  return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0.0;
}

uint64_t VideoReader::estimated_frames() const {
  const AVStream& stream = *impl_->stream;
  if (stream.nb_frames > 0) return static_cast<uint64_t>(stream.nb_frames);
  // A raw stream has no duration, and FFmpeg's guess from the bit rate is useless.
  if (impl_->container->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE) return 0;
  const double seconds = stream.duration > 0 ? static_cast<double>(stream.duration) * av_q2d(stream.time_base)
                                             : static_cast<double>(impl_->container->duration) / AV_TIME_BASE;
  return seconds > 0.0 ? static_cast<uint64_t>(std::llround(seconds * frames_per_second())) : 0;
}

Result<bool> VideoReader::Skip() {
  KIT_TRY(impl_->Fetch());
  if (!impl_->pending) return false;
  impl_->pending = false;
  av_frame_unref(impl_->frame.get());
  return true;
}

Result<std::optional<Frame>> VideoReader::Next() {
  Impl& impl = *impl_;
  KIT_TRY(impl.Fetch());
  if (!impl.pending) return std::optional<Frame>();
  impl.pending = false;
  const AVFrame& picture = *impl.frame;
  Frame frame{impl.size, std::vector<uint8_t>(impl.size.size_bytes())};
  Yuv420ToRgb(impl.size, {picture.data[0], picture.linesize[0]}, {picture.data[1], picture.linesize[1]},
              {picture.data[2], picture.linesize[2]}, frame.rgb.data());
  av_frame_unref(impl.frame.get());
  return std::optional<Frame>(std::move(frame));
}

}  // namespace kitsink
