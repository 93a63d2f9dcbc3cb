// Decodes units with FFmpeg's decoders.

#include <cstring>
#include <utility>

#include "kitsink/video_stream.h"
#include "video/ffmpeg.h"

namespace kitsink {
namespace {

std::vector<uint8_t> TakePlane(const AVFrame& frame, int plane, uint32_t width, uint32_t height) {
  std::vector<uint8_t> samples(size_t{width} * height);
  for (uint32_t row = 0; row < height; ++row) {
    std::memcpy(samples.data() + size_t{row} * width, frame.data[plane] + ptrdiff_t{row} * frame.linesize[plane],
                width);
  }
  return samples;
}

}  // namespace

struct StreamDecoder::Impl {
  Error Fail(const std::string& what) const {
    return Error{Code::kCorrupt, "stream: picture " + std::to_string(num_pictures) + ": " + what + ", before byte " +
                                     std::to_string(position)};
  }
  // FFmpeg borrows the system's texts, "Cannot allocate memory" for a picture that is too large.
  Error Refused(int code) const { return Fail("FFmpeg's decoder refuses it (" + FfmpegErrorText(code) + ")"); }
  Result<bool> Receive();
  Status SendUnit();

  std::vector<std::span<const uint8_t>> units;
  FrameSize size;
  FfmpegLog log;  // outlives the context, which refers to it
  FfmpegPtr<AVCodecContext> decoder;
  FfmpegPtr<AVFrame> frame{av_frame_alloc()};
  FfmpegPtr<AVPacket> packet{av_packet_alloc()};
  size_t next_unit = 0;
  uint64_t position = 0;  // in bytes
  uint64_t num_pictures = 0;
  bool flushed = false;
};

StreamDecoder::StreamDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

Result<StreamDecoder> StreamDecoder::Open(VideoCoding coding, std::vector<std::span<const uint8_t>> units,
                                          FrameSize size, int threads) {
  // FFmpeg's own decoder of AV1 needs hardware.
  const AVCodec* const codec =
      coding == VideoCoding::kAv1 ? avcodec_find_decoder_by_name("libdav1d") : avcodec_find_decoder(AV_CODEC_ID_HEVC);
  if (codec == nullptr) {
    return Error{Code::kUnsupported, "stream: this FFmpeg has no decoder for " + std::string(VideoCodingName(coding)) +
                                         (coding == VideoCoding::kAv1 ? " (libdav1d)" : "")};
  }
  auto impl = std::make_unique<Impl>();
  impl->units = std::move(units);
  impl->size = size;
  impl->decoder.reset(avcodec_alloc_context3(codec));
  KIT_CHECK(impl->decoder != nullptr && impl->frame != nullptr && impl->packet != nullptr);
  impl->decoder->opaque = &impl->log;
  // FFmpeg compares this with the size of its buffers, whose sides it rounds up.
  const auto buffer_side = [](uint32_t side) { return (int64_t{side} + 127) / 128 * 128; };
  impl->decoder->max_pixels = buffer_side(size.width) * buffer_side(size.height);
  // What FFmpeg's HEVC decoder makes of a damaged picture would depend on the number of its threads.
  impl->decoder->thread_count = coding == VideoCoding::kHevc ? 1 : threads;
  impl->decoder->err_recognition = AV_EF_EXPLODE;
  const int code = avcodec_open2(impl->decoder.get(), codec, nullptr);
  if (code < 0) return Error{Code::kInternal, "stream: cannot start the decoder: " + FfmpegErrorText(code)};
  return StreamDecoder(std::move(impl));
}

// Sends the next unit, or the end of the stream.
Status StreamDecoder::Impl::SendUnit() {
  if (next_unit == units.size()) {
    flushed = true;
    const int code = avcodec_send_packet(decoder.get(), nullptr);
    return code < 0 && code != AVERROR_EOF ? Status(Refused(code)) : Ok();
  }
  const std::span<const uint8_t> unit = units[next_unit++];
  KIT_CHECK(av_new_packet(packet.get(), static_cast<int>(unit.size())) == 0);
  std::memcpy(packet->data, unit.data(), unit.size());
  position += unit.size();
  const int code = avcodec_send_packet(decoder.get(), packet.get());
  av_packet_unref(packet.get());
  return code < 0 ? Status(Refused(code)) : Ok();
}

// Decodes the next picture into `frame`; false at the end.
Result<bool> StreamDecoder::Impl::Receive() {
  for (;;) {
    const int code = avcodec_receive_frame(decoder.get(), frame.get());
    if (code == 0) break;
    if (code == AVERROR_EOF) return false;
    if (code != AVERROR(EAGAIN)) return Refused(code);
    if (flushed) return false;
    KIT_TRY(SendUnit());
  }
  if (const std::string damage = log.damage(); !damage.empty()) return Fail(damage);
  if (frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) return Fail("is incomplete");
  if (frame->width != static_cast<int>(size.width) || frame->height != static_cast<int>(size.height)) {
    return Fail("is " + std::to_string(frame->width) + " x " + std::to_string(frame->height) + ", expected " +
                std::to_string(size.width) + " x " + std::to_string(size.height));
  }
  if (frame->format != AV_PIX_FMT_YUV420P && frame->format != AV_PIX_FMT_YUVJ420P) return Fail("is not 8-bit 4:2:0");
  ++num_pictures;
  return true;
}

Result<Yuv420> StreamDecoder::Next() {
  KIT_ASSIGN(const bool found, impl_->Receive());
  if (!found) return impl_->Fail("is missing, the stream ends");
  const AVFrame& frame = *impl_->frame;
  const FrameSize size = impl_->size;
  const uint32_t chroma_width = (size.width + 1) / 2, chroma_height = (size.height + 1) / 2;
  return Yuv420{size, TakePlane(frame, 0, size.width, size.height), TakePlane(frame, 1, chroma_width, chroma_height),
                TakePlane(frame, 2, chroma_width, chroma_height)};
}

Status StreamDecoder::Finish() {
  KIT_ASSIGN(const bool found, impl_->Receive());
  if (found) return impl_->Fail("is one more than expected");
  return Ok();
}

}  // namespace kitsink
