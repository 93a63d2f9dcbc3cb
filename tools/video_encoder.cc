// Encodes frames into a video file with FFmpeg.

#include "video_encoder.h"

#include <algorithm>
#include <cmath>
#include <system_error>
#include <utility>

#include "video/ffmpeg.h"

namespace kitsink {
namespace {

Status Checked(int code, const std::string& what) {
  if (code >= 0) return Ok();
  return Error{Code::kIo, "encoder: " + what + ": " + FfmpegErrorText(code)};
}

}  // namespace

struct VideoEncoder::Impl {
  ~Impl() {
    if (container == nullptr) return;
    avio_closep(&container->pb);
    avformat_free_context(container);
    std::error_code ignored;
    if (!committed) std::filesystem::remove(temporary, ignored);
  }
  Status Send(const AVFrame* picture);
  void Fill(const Yuv420& source);

  std::filesystem::path path;
  std::filesystem::path temporary;
  FrameSize size;
  FfmpegLog log;
  AVFormatContext* container = nullptr;
  FfmpegPtr<AVCodecContext> encoder;
  FfmpegPtr<AVFrame> frame{av_frame_alloc()};
  FfmpegPtr<AVPacket> packet{av_packet_alloc()};
  bool committed = false;
};

// Converts 8-bit 4:2:0 to the planes and bit depth of the encoder; chroma samples are repeated where needed.
void VideoEncoder::Impl::Fill(const Yuv420& source) {
  const AVPixFmtDescriptor& format = *av_pix_fmt_desc_get(encoder->pix_fmt);
  const uint32_t chroma_width = (size.width + 1) / 2;
  for (int plane = 0; plane < format.nb_components; ++plane) {
    const bool chroma = plane > 0;
    const int shift_x = chroma ? format.log2_chroma_w : 0;
    const int shift_y = chroma ? format.log2_chroma_h : 0;
    const int step = chroma ? 2 : 1;
    const uint32_t stride = chroma ? chroma_width : size.width;
    const std::vector<uint8_t>& samples = plane == 0 ? source.y : plane == 1 ? source.u : source.v;
    const int extra_bits = format.comp[plane].depth - 8;
    for (int y = 0; y < AV_CEIL_RSHIFT(frame->height, shift_y); ++y) {
      uint8_t* row = frame->data[plane] + ptrdiff_t{y} * frame->linesize[plane];
      for (int x = 0; x < AV_CEIL_RSHIFT(frame->width, shift_x); ++x) {
        const size_t index =
            static_cast<size_t>((y << shift_y) / step) * stride + static_cast<size_t>((x << shift_x) / step);
        if (extra_bits == 0) {
          row[x] = samples[index];
        } else {
          reinterpret_cast<uint16_t*>(row)[x] = static_cast<uint16_t>(samples[index] << extra_bits);
        }
      }
    }
  }
}

Status VideoEncoder::Impl::Send(const AVFrame* picture) {
  KIT_TRY(Checked(avcodec_send_frame(encoder.get(), picture), "cannot encode"));
  while (true) {
    const int code = avcodec_receive_packet(encoder.get(), packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return Ok();
    KIT_TRY(Checked(code, "cannot encode"));
    av_packet_rescale_ts(packet.get(), encoder->time_base, container->streams[0]->time_base);
    packet->stream_index = 0;
    packet->duration = av_rescale_q(1, encoder->time_base, container->streams[0]->time_base);
    KIT_TRY(Checked(av_interleaved_write_frame(container, packet.get()), path.string() + ": cannot write"));
  }
}

VideoEncoder::VideoEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoEncoder::VideoEncoder(VideoEncoder&&) noexcept = default;
VideoEncoder& VideoEncoder::operator=(VideoEncoder&&) noexcept = default;
VideoEncoder::~VideoEncoder() = default;

Result<VideoEncoder> VideoEncoder::Create(const std::filesystem::path& path, FrameSize size,
                                          const VideoEncoderOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->temporary = path.string() + ".part";
  impl->size = size;
  const AVCodec* codec = avcodec_find_encoder_by_name(options.codec.c_str());
  if (codec == nullptr) return Error{Code::kUnsupported, "encoder: this FFmpeg has no " + options.codec};
  KIT_TRY(Checked(avformat_alloc_output_context2(&impl->container, nullptr, nullptr, path.c_str()),
                  path.string() + ": no container for this file name extension"));
  impl->encoder.reset(avcodec_alloc_context3(codec));
  AVCodecContext& encoder = *impl->encoder;
  encoder.width = static_cast<int>(size.width);
  encoder.height = static_cast<int>(size.height);
  encoder.pix_fmt = av_get_pix_fmt(options.pixel_format.c_str());
  encoder.time_base = {1, options.frames_per_second};
  encoder.framerate = {options.frames_per_second, 1};
  if ((impl->container->oformat->flags & AVFMT_GLOBALHEADER) != 0) encoder.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  // The same pictures give the same file: no random identifiers, no library versions.
  impl->container->flags |= AVFMT_FLAG_BITEXACT;
  encoder.flags |= AV_CODEC_FLAG_BITEXACT;
  AVDictionary* dictionary = nullptr;
  int code = av_dict_parse_string(&dictionary, options.codec_options.c_str(), "=", ":", 0);
  // libx265 prints to stderr past FFmpeg's log. With frame threads its output would depend on the machine.
  if (options.codec == "libx265") {
    const AVDictionaryEntry* const given = av_dict_get(dictionary, "x265-params", nullptr, 0);
    const std::string more = given != nullptr ? ":" + std::string(given->value) : "";
    av_dict_set(&dictionary, "x265-params", ("log-level=none:frame-threads=1" + more).c_str(), 0);
  }
  if (code >= 0) code = avcodec_open2(&encoder, codec, &dictionary);
  av_dict_free(&dictionary);
  KIT_TRY(Checked(code, options.codec + " refuses " + options.pixel_format + " or its options"));
  AVStream* stream = avformat_new_stream(impl->container, nullptr);
  KIT_CHECK(stream != nullptr);
  stream->time_base = encoder.time_base;
  stream->avg_frame_rate = encoder.framerate;
  KIT_TRY(Checked(avcodec_parameters_from_context(stream->codecpar, &encoder), "cannot copy the parameters"));
  impl->frame->format = encoder.pix_fmt;
  impl->frame->width = encoder.width;
  impl->frame->height = encoder.height;
  KIT_TRY(Checked(av_frame_get_buffer(impl->frame.get(), 0), "cannot allocate a picture"));
  const std::string name = "file:" + impl->temporary.string();
  KIT_TRY(Checked(avio_open(&impl->container->pb, name.c_str(), AVIO_FLAG_WRITE), path.string() + ": cannot create"));
  KIT_TRY(Checked(avformat_write_header(impl->container, nullptr), path.string() + ": cannot write"));
  impl->frame->pts = -1;
  return VideoEncoder(std::move(impl));
}

Status VideoEncoder::Write(const Frame& frame) { return Write(ConvertToYuv420(frame)); }

Status VideoEncoder::Write(const Yuv420& picture) {
  KIT_CHECK(picture.size == impl_->size);
  KIT_TRY(Checked(av_frame_make_writable(impl_->frame.get()), "cannot allocate a picture"));
  impl_->Fill(picture);
  ++impl_->frame->pts;
  return impl_->Send(impl_->frame.get());
}

Status VideoEncoder::Commit() {
  KIT_TRY(impl_->Send(nullptr));
  KIT_TRY(Checked(av_write_trailer(impl_->container), impl_->path.string() + ": cannot write"));
  KIT_TRY(Checked(avio_closep(&impl_->container->pb), impl_->path.string() + ": cannot write"));
  std::error_code error;
  std::filesystem::rename(impl_->temporary, impl_->path, error);
  if (error) return Error{Code::kIo, impl_->path.string() + ": cannot rename: " + error.message()};
  impl_->committed = true;
  return Ok();
}

}  // namespace kitsink
