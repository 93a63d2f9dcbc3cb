// Encodes pictures with FFmpeg's encoders.

#include <cstdlib>
#include <cstring>
#include <utility>

#include "kitsink/video_stream.h"
#include "video/ffmpeg.h"

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

class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(Dictionary&& other) noexcept : entries_(std::exchange(other.entries_, nullptr)) {}
  Dictionary& operator=(Dictionary&&) = delete;
  ~Dictionary() { av_dict_free(&entries_); }
  AVDictionary** get() { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

// Puts "more:" before the value of `key`.
void Extend(AVDictionary*& dictionary, const char* key, const std::string& more) {
  const AVDictionaryEntry* const given = av_dict_get(dictionary, key, nullptr, 0);
  av_dict_set(&dictionary, key, (more + (given != nullptr ? ":" + std::string(given->value) : "")).c_str(), 0);
}

Result<Dictionary> ParseOptions(const std::string& text) {
  Dictionary options;
  if (av_dict_parse_string(options.get(), text.c_str(), "=", ":", 0) >= 0) return options;
  return Error{Code::kInvalidArgument, "encoder: options are no list of key=value separated by colons"};
}

// The user's options and our own, all of which the encoder has.
Result<Dictionary> AllOptions(const AVCodec& codec, AVCodecContext& encoder, const StreamOptions& options) {
  KIT_ASSIGN(Dictionary all, ParseOptions(options.own_options));
  KIT_ASSIGN(Dictionary more, ParseOptions(options.encoder_options));
  const AVDictionaryEntry* option = nullptr;
  while ((option = av_dict_get(*more.get(), "", option, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
    if (av_opt_find(&encoder, option->key, nullptr, 0, AV_OPT_SEARCH_CHILDREN) == nullptr) {
      return Error{Code::kUnsupported, std::string("encoder: ") + codec.name + " has no option " + option->key};
    }
    if (av_dict_get(*all.get(), option->key, nullptr, 0) != nullptr) {
      return Error{Code::kInvalidArgument,
                   std::string("encoder: option ") + option->key + " is set by an option of kitsink's own"};
    }
    av_dict_set(all.get(), option->key, option->value, 0);
  }
  // Both print past FFmpeg's log. With frame threads libx265's output would depend on the machine.
  if (options.coding == VideoCoding::kHevc) Extend(*all.get(), "x265-params", "log-level=none:frame-threads=1:info=0");
  setenv("SVT_LOG", "1", 0);
  return all;
}

}  // namespace

std::string_view VideoCodingName(VideoCoding coding) { return coding == VideoCoding::kAv1 ? "av1" : "hevc"; }

struct StreamEncoder::Impl {
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
  std::vector<Bytes> packets;
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
  auto impl = std::make_unique<Impl>();
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
  KIT_ASSIGN(Dictionary dictionary, AllOptions(*codec, encoder, options));
  const int code = avcodec_open2(&encoder, codec, dictionary.get());
  if (code < 0) {
    const std::string all =
        options.own_options + (options.encoder_options.empty() ? "" : ":" + options.encoder_options);
    return Error{Code::kUnsupported, std::string("encoder: ") + codec->name + " refuses " + std::to_string(size.width) +
                                         " x " + std::to_string(size.height) + ", " + all + ": " +
                                         FfmpegErrorText(code)};
  }
  impl->opened = true;
  impl->frame->format = encoder.pix_fmt;
  impl->frame->width = encoder.width;
  impl->frame->height = encoder.height;
  const int allocated = av_frame_get_buffer(impl->frame.get(), 0);
  if (allocated < 0) return Failed("cannot allocate a picture", allocated);
  impl->frame->pts = -1;
  if (encoder.width != static_cast<int>(size.width) || encoder.height != static_cast<int>(size.height) ||
      encoder.pix_fmt != AV_PIX_FMT_YUV420P) {
    return Error{Code::kInvalidArgument, "encoder: its options change the size or the format of the pictures"};
  }
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
    packets.emplace_back(packet->data, packet->data + packet->size);
    av_packet_unref(packet.get());
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

Result<std::vector<Bytes>> StreamEncoder::Finish() {
  KIT_TRY(impl_->Send(nullptr));
  return std::move(impl_->packets);
}

}  // namespace kitsink
