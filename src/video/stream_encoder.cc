// Encodes pictures as a bare stream with FFmpeg's encoders.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kitsink/video_stream.h"
#include "video/ffmpeg.h"
#include "video/stream_units.h"

namespace kitsink {
namespace {

const AVCodec* FindEncoder(VideoCoding coding) {
  if (coding == VideoCoding::kHevc) return avcodec_find_encoder_by_name("libx265");
  const AVCodec* const first = avcodec_find_encoder_by_name("libsvtav1");
  return first != nullptr ? first : avcodec_find_encoder_by_name("libaom-av1");
}

Error Failed(const std::string& what, int code) {
  return Error{Code::kInternal, "encoder: " + what + ": " + FfmpegErrorText(code)};
}

void CopyPlane(const std::vector<uint8_t>& from, uint32_t width, uint8_t* to, ptrdiff_t stride) {
  for (size_t row = 0; row * width < from.size(); ++row) {
    std::memcpy(to + static_cast<ptrdiff_t>(row) * stride, from.data() + row * width, width);
  }
}

// Adds ":more" to the value of `key`.
void Extend(AVDictionary*& dictionary, const char* key, const std::string& more) {
  const AVDictionaryEntry* const given = av_dict_get(dictionary, key, nullptr, 0);
  av_dict_set(&dictionary, key, (more + (given != nullptr ? ":" + std::string(given->value) : "")).c_str(), 0);
}

}  // namespace

std::string_view VideoCodingName(VideoCoding coding) { return coding == VideoCoding::kAv1 ? "av1" : "hevc"; }

struct StreamEncoder::Impl {
  explicit Impl(VideoCoding coding) : packer(coding) {}
  ~Impl() {
    // SVT-AV1 ends only after a picture and the end of the clip.
    if (!opened || ended) return;
    if (frame->pts < 0) {
      frame->pts = 0;
      if (!Send(frame.get()).ok()) return;
    }
    (void)Send(nullptr);
  }
  Status Send(const AVFrame* picture);

  FrameSize size;
  FfmpegLog log;
  FfmpegPtr<AVCodecContext> encoder;
  FfmpegPtr<AVFrame> frame{av_frame_alloc()};
  FfmpegPtr<AVPacket> packet{av_packet_alloc()};
  StreamPacker packer;
  bool opened = false, ended = false;
};

StreamEncoder::StreamEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StreamEncoder::StreamEncoder(StreamEncoder&&) noexcept = default;
StreamEncoder& StreamEncoder::operator=(StreamEncoder&&) noexcept = default;
StreamEncoder::~StreamEncoder() = default;

Result<StreamEncoder> StreamEncoder::Create(FrameSize size, const StreamOptions& options) {
  const AVCodec* const codec = FindEncoder(options.coding);
  if (codec == nullptr) {
    return Error{Code::kUnsupported, "encoder: this FFmpeg has " + std::string(options.coding == VideoCoding::kAv1
                                                                                   ? "neither libsvtav1 nor libaom-av1"
                                                                                   : "no libx265")};
  }
  auto impl = std::make_unique<Impl>(options.coding);
  impl->size = size;
  impl->encoder.reset(avcodec_alloc_context3(codec));
  KIT_CHECK(impl->encoder != nullptr && impl->frame != nullptr && impl->packet != nullptr);
  AVCodecContext& encoder = *impl->encoder;
  encoder.opaque = &impl->log;
  encoder.width = static_cast<int>(size.width);
  encoder.height = static_cast<int>(size.height);
  encoder.pix_fmt = AV_PIX_FMT_YUV420P;
  encoder.time_base = {1, options.frames_per_second};
  encoder.framerate = {options.frames_per_second, 1};
  encoder.gop_size = 1 << 20;  // one key frame
  encoder.thread_count = options.threads;
  encoder.flags |= AV_CODEC_FLAG_BITEXACT;
  AVDictionary* dictionary = nullptr;
  if (av_dict_parse_string(&dictionary, options.encoder_options.c_str(), "=", ":", 0) < 0) {
    av_dict_free(&dictionary);
    return Error{Code::kInvalidArgument, "encoder: options are no list of key=value separated by colons"};
  }
  // Both print past FFmpeg's log. With frame threads libx265's output would depend on the machine.
  if (options.coding == VideoCoding::kHevc) Extend(dictionary, "x265-params", "log-level=none:frame-threads=1:info=0");
  setenv("SVT_LOG", "1", 0);
  const std::string name = codec->name;
  const AVDictionaryEntry* option = nullptr;
  std::string unknown;
  while ((option = av_dict_get(dictionary, "", option, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
    if (av_opt_find(&encoder, option->key, nullptr, 0, AV_OPT_SEARCH_CHILDREN) == nullptr) unknown = option->key;
  }
  const int code = unknown.empty() ? avcodec_open2(&encoder, codec, &dictionary) : 0;
  av_dict_free(&dictionary);
  if (!unknown.empty()) return Error{Code::kUnsupported, "encoder: " + name + " has no option " + unknown};
  if (code < 0) return Error{Code::kUnsupported, "encoder: " + name + " refuses its options: " + FfmpegErrorText(code)};
  impl->opened = true;
  impl->frame->format = encoder.pix_fmt;
  impl->frame->width = encoder.width;
  impl->frame->height = encoder.height;
  const int allocated = av_frame_get_buffer(impl->frame.get(), 0);
  if (allocated < 0) return Failed("cannot allocate a picture", allocated);
  impl->frame->pts = -1;
  return StreamEncoder(std::move(impl));
}

std::string StreamEncoder::name() const { return impl_->encoder->codec->name; }

Status StreamEncoder::Impl::Send(const AVFrame* picture) {
  ended = ended || picture == nullptr;
  int code = avcodec_send_frame(encoder.get(), picture);
  if (code < 0) return Failed("cannot encode", code);
  while (true) {
    code = avcodec_receive_packet(encoder.get(), packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return Ok();
    if (code < 0) return Failed("cannot encode", code);
    const Status added = packer.Add({packet->data, static_cast<size_t>(packet->size)});
    av_packet_unref(packet.get());
    if (!added.ok()) return Error{Code::kInternal, "encoder: wrote " + added.error().message};
  }
}

Status StreamEncoder::Write(const Yuv420& picture) {
  KIT_CHECK(picture.size == impl_->size);
  AVFrame& frame = *impl_->frame;
  const int code = av_frame_make_writable(&frame);
  if (code < 0) return Failed("cannot allocate a picture", code);
  const uint32_t chroma_width = (picture.size.width + 1) / 2;
  CopyPlane(picture.y, picture.size.width, frame.data[0], frame.linesize[0]);
  CopyPlane(picture.u, chroma_width, frame.data[1], frame.linesize[1]);
  CopyPlane(picture.v, chroma_width, frame.data[2], frame.linesize[2]);
  ++frame.pts;
  return impl_->Send(&frame);
}

Result<Bytes> StreamEncoder::Finish() {
  KIT_TRY(impl_->Send(nullptr));
  return impl_->packer.Take();
}

}  // namespace kitsink
