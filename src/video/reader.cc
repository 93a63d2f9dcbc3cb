// Reads video files through FFmpeg and treats every sign of damage as an error.

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kitsink/log.h"
#include "kitsink/video.h"
#include "video/colour.h"
#include "video/decoder.h"
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
  Status OpenContainer();
  Status ChooseStream(int max_dimension);
  Status Decode();
  Status Read();
  Status Finish();
  void RemarkLeftOut();
  Status Fetch();
  Status CheckFrame(FrameSize expected);
  void Warn(const std::string& what) const {
    if (remarks == Remarks::kLog) Log(LogLevel::kWarning, "video: " + path.string() + ": " + what);
  }
  Error Fail(Code code, const std::string& what) const { return Error{code, "video: " + path.string() + ": " + what}; }
  // An error with FFmpeg's text for `error_number` and the first error that FFmpeg logged.
  Error Corrupt(const std::string& what, int error_number) const {
    const std::string logged = log.first_error();
    return Fail(Code::kCorrupt, what + ": " + FfmpegErrorText(error_number) + (logged.empty() ? "" : ", " + logged));
  }
  Error Damaged(const std::string& what) {
    finished = true;
    return Fail(Code::kCorrupt, "frame " + std::to_string(num_frames) + " " + what);
  }

  std::filesystem::path path;
  Remarks remarks = Remarks::kLog;
  FfmpegLog log;  // must outlive the contexts, which refer to it
  FfmpegPtr<AVFormatContext> container;
  std::optional<Decoder> decoder;
  FfmpegPtr<AVPacket> packet{av_packet_alloc()};
  FfmpegPtr<AVFrame> frame{av_frame_alloc()};
  AVStream* stream = nullptr;
  FrameSize size;
  uint64_t num_frames = 0;   // decoded so far
  uint64_t num_suspect = 0;  // packets that an MPEG-TS marks as damaged
  uint64_t num_told = 0;     // pictures left out that a remark has counted
  bool pending = false;      // `frame` holds a picture that Next has not returned
  bool finished = false;     // the decoder has ended, or failed
};

Status VideoReader::Impl::OpenContainer() {
  AVFormatContext* context = avformat_alloc_context();
  KIT_CHECK(context != nullptr && packet != nullptr && frame != nullptr);
  context->opaque = &log;
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
  return Ok();
}

Status VideoReader::Impl::ChooseStream(int max_dimension) {
  for (unsigned i = 0; i < container->nb_streams; ++i) {
    AVStream* candidate = container->streams[i];
    const bool chosen = stream == nullptr && candidate->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
    if (chosen) stream = candidate;
    candidate->discard = chosen ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
  if (stream == nullptr) return Fail(Code::kCorrupt, "holds no video stream");
  const AVCodecParameters& parameters = *stream->codecpar;
  if (parameters.codec_id == AV_CODEC_ID_NONE)
    return Corrupt("does not name the codec of its video", AVERROR_INVALIDDATA);
  if (parameters.width <= max_dimension && parameters.height <= max_dimension) return Ok();
  return Fail(Code::kLimit, "frames of " + std::to_string(parameters.width) + " x " +
                                std::to_string(parameters.height) + ", limit " + std::to_string(max_dimension));
}

Status VideoReader::Impl::Open(const Limits& limits) {
  KIT_ASSIGN(const uint64_t size_bytes, VideoFileSize(path));
  if (size_bytes == 0) return Fail(Code::kCorrupt, "is empty, expected a video");
  const auto limit = static_cast<int>(limits.max_dimension);
  KIT_TRY(OpenContainer());
  KIT_TRY(ChooseStream(limit));
  Result<Decoder> opened = Decoder::Open(*stream, limit, log);
  if (!opened.ok()) return Fail(opened.error().code, opened.error().message);
  decoder = opened.TakeValue();
  // Size and pixel format come from the first picture, because the container's claims may be wrong.
  Status first = Decode();
  if (!first.ok()) {
    return Error{first.error().code, first.error().message +
                                         "; get the video again, or convert it with ffmpeg -i VIDEO "
                                         "NEW.mkv"};
  }
  if (!pending) return Fail(Code::kCorrupt, "holds no frames");
  size = {static_cast<uint32_t>(frame->width), static_cast<uint32_t>(frame->height)};
  if (frame->width > limit || frame->height > limit) {
    return Fail(Code::kLimit, "frames of " + Describe(size) + ", limit " + std::to_string(limit));
  }
  return CheckFrame(size);
}

// Decodes the next picture into `frame` and sets `pending`. At the end of the file `pending` stays false.
Status VideoReader::Impl::Decode() {
  while (!finished) {
    switch (decoder->Receive(*frame)) {
      case Decoder::Outcome::kPicture:
        pending = true;
        ++num_frames;
        RemarkLeftOut();
        return Ok();
      case Decoder::Outcome::kEnd: return Finish();
      case Decoder::Outcome::kDamage: return Damaged("is damaged: " + decoder->damage());
      case Decoder::Outcome::kNeedsPacket: KIT_TRY(Read());
    }
  }
  return Ok();
}

// Reads the next packet and sends it to the decoder.
Status VideoReader::Impl::Read() {
  int code = av_read_frame(container.get(), packet.get());
  if (code == AVERROR(EAGAIN)) {
    return Damaged(
        "does not follow: no packet begins in the next 64 kB, where FFmpeg and PyAV give up; ffmpeg -i VIDEO "
        "-c copy NEW.mkv leaves such padding out");
  }
  if (code < 0 && code != AVERROR_EOF) {
    finished = true;
    return Corrupt("frame " + std::to_string(num_frames) + " cannot be read", code);
  }
  if (code == AVERROR_EOF) {
    code = decoder->Send(nullptr);
  } else if (packet->stream_index == stream->index) {
    if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0) {
      // An MPEG-TS counts its packets. A jump of the count, as between joined recordings, need not harm a picture.
      if (std::string_view(container->iformat->name) != "mpegts") return Damaged("is cut short in the file");
      ++num_suspect;
    }
    code = decoder->Send(packet.get());
  }
  av_packet_unref(packet.get());
  if (code >= 0) return Ok();
  finished = true;
  return Corrupt("frame " + std::to_string(num_frames) + " cannot be decoded", code);
}

// Tells how many pictures are left out that were not told of before.
void VideoReader::Impl::RemarkLeftOut() {
  const uint64_t count = decoder->num_left_out() - num_told;
  if (count == 0) return;
  Warn(std::to_string(count) + (num_told > 0 ? " more" : "") + (count == 1 ? " frame refers" : " frames refer") +
       " to frames before the start and cannot be decoded: left out, as FFmpeg and PyAV leave them out");
  num_told += count;
}

// Looks back at the end of the file.
Status VideoReader::Impl::Finish() {
  finished = true;
  RemarkLeftOut();
  if (const std::string cut = log.cut(); !cut.empty()) {
    return Fail(Code::kCorrupt, "the file was cut after " + std::to_string(num_frames) + " frames: " + cut);
  }
  if (num_suspect > 0) {
    Warn("packets are missing in " + std::to_string(num_suspect) + " places, but no frame shows damage");
  } else if (const std::string logged = log.first_error(); !logged.empty()) {
    Warn("FFmpeg logged \"" + logged + "\", but no frame shows damage");
  }
  return Ok();
}

Status VideoReader::Impl::CheckFrame(FrameSize expected) {
  const auto format = static_cast<AVPixelFormat>(frame->format);
  if (format != AV_PIX_FMT_YUV420P && format != AV_PIX_FMT_YUVJ420P) {
    return Fail(Code::kUnsupported, Describe(format) + ", expected 8-bit 4:2:0 (yuv420p); convert it first: " +
                                        "ffmpeg -i VIDEO -pix_fmt yuv420p -crf 10 NEW.mkv");
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

Result<VideoReader> VideoReader::Open(const std::filesystem::path& path, const Limits& limits, Remarks remarks) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->remarks = remarks;
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
