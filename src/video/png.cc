#include <cstring>
#include <string>

#include "kitsink/video.h"
#include "video/ffmpeg.h"

namespace kitsink {
namespace {

Error PngError(const std::filesystem::path& path, Code code, const std::string& what, int error_number) {
  return Error{code, "png: " + path.string() + ": " + what + ": " + FfmpegErrorText(error_number)};
}

void CopyRows(const uint8_t* from, ptrdiff_t from_stride, uint8_t* to, ptrdiff_t to_stride, FrameSize size) {
  for (uint32_t row = 0; row < size.height; ++row) {
    std::memcpy(to + row * to_stride, from + row * from_stride, size_t{3} * size.width);
  }
}

}  // namespace

Status SavePng(const std::filesystem::path& path, const Frame& frame, Overwrite overwrite) {
  KIT_CHECK(frame.size.size_bytes() > 0 && frame.rgb.size() == frame.size.size_bytes());
  KIT_TRY(CheckWritable(path, overwrite));
  const FfmpegLog log;
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
  if (codec == nullptr) return Error{Code::kUnsupported, "png: this FFmpeg has no PNG encoder"};
  const FfmpegPtr<AVCodecContext> encoder(avcodec_alloc_context3(codec));
  const FfmpegPtr<AVFrame> picture(av_frame_alloc());
  const FfmpegPtr<AVPacket> packet(av_packet_alloc());
  KIT_CHECK(encoder != nullptr && picture != nullptr && packet != nullptr);
  encoder->width = picture->width = static_cast<int>(frame.size.width);
  encoder->height = picture->height = static_cast<int>(frame.size.height);
  encoder->pix_fmt = AV_PIX_FMT_RGB24;
  picture->format = AV_PIX_FMT_RGB24;
  encoder->time_base = {1, 1};
  encoder->thread_count = 1;
  int code = avcodec_open2(encoder.get(), codec, nullptr);
  if (code >= 0) code = av_frame_get_buffer(picture.get(), 0);
  if (code < 0) return PngError(path, Code::kInternal, "cannot start the encoder", code);
  CopyRows(frame.rgb.data(), ptrdiff_t{3} * frame.size.width, picture->data[0], picture->linesize[0], frame.size);
  code = avcodec_send_frame(encoder.get(), picture.get());
  if (code >= 0) code = avcodec_send_frame(encoder.get(), nullptr);
  if (code >= 0) code = avcodec_receive_packet(encoder.get(), packet.get());
  if (code < 0) return PngError(path, Code::kInternal, "cannot encode", code);
  return WriteFile(path, {packet->data, static_cast<size_t>(packet->size)}, overwrite);
}

Result<Frame> LoadPng(const std::filesystem::path& path, const Limits& limits) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, limits.max_member_bytes));
  const FfmpegLog log;
  const AVCodec* codec = avcodec_find_decoder(AV_CODEC_ID_PNG);
  if (codec == nullptr) return Error{Code::kUnsupported, "png: this FFmpeg has no PNG decoder"};
  const FfmpegPtr<AVCodecContext> decoder(avcodec_alloc_context3(codec));
  const FfmpegPtr<AVFrame> picture(av_frame_alloc());
  const FfmpegPtr<AVPacket> packet(av_packet_alloc());
  KIT_CHECK(decoder != nullptr && picture != nullptr && packet != nullptr);
  decoder->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
  decoder->max_pixels = int64_t{limits.max_dimension} * limits.max_dimension;
  decoder->thread_count = 1;
  int code = avcodec_open2(decoder.get(), codec, nullptr);
  // FFmpeg wants zeroed padding behind the bytes, which av_new_packet provides.
  if (code >= 0) code = av_new_packet(packet.get(), static_cast<int>(bytes.size()));
  if (code < 0) return PngError(path, Code::kInternal, "cannot start the decoder", code);
  if (!bytes.empty()) std::memcpy(packet->data, bytes.data(), bytes.size());
  code = bytes.empty() ? AVERROR_INVALIDDATA : avcodec_send_packet(decoder.get(), packet.get());
  if (code >= 0) code = avcodec_receive_frame(decoder.get(), picture.get());
  if (code < 0) return PngError(path, Code::kCorrupt, "is not a whole PNG", code);
  if (picture->format != AV_PIX_FMT_RGB24) {
    const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(picture->format));
    return Error{Code::kUnsupported, "png: " + path.string() + ": pixels of kind " +
                                         (name != nullptr ? name : "unknown") + ", expected 8-bit RGB"};
  }
  Frame frame;
  frame.size = {static_cast<uint32_t>(picture->width), static_cast<uint32_t>(picture->height)};
  frame.rgb.resize(frame.size.size_bytes());
  CopyRows(picture->data[0], picture->linesize[0], frame.rgb.data(), ptrdiff_t{3} * frame.size.width, frame.size);
  return frame;
}

}  // namespace kitsink
