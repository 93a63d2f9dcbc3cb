// Encodes pictures as PNG or JPEG and decodes PNG, through FFmpeg.

#include <algorithm>
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

constexpr int kJpegQuantizer = 3;  // of 1 .. 31; 3 is about quality 90
// Y, Cb and Cr of JFIF (BT.601, full range): weights of red, green and blue, and the offset.
constexpr float kJfif[3][4] = {
    {0.299F, 0.587F, 0.114F, 0}, {-0.168736F, -0.331264F, 0.5F, 128}, {0.5F, -0.418688F, -0.081312F, 128}};

// Encodes one picture. `fill` copies the frame's pixels into FFmpeg's picture.
template <typename Fill>
Result<Bytes> EncodePicture(const Frame& frame, AVCodecID id, AVPixelFormat format, const Fill& fill) {
  KIT_CHECK(frame.size.size_bytes() > 0 && frame.rgb.size() == frame.size.size_bytes());
  const FfmpegLog log;
  const AVCodec* codec = avcodec_find_encoder(id);
  if (codec == nullptr) {
    return Error{Code::kUnsupported, std::string("picture: this FFmpeg has no encoder for ") + avcodec_get_name(id)};
  }
  const FfmpegPtr<AVCodecContext> encoder(avcodec_alloc_context3(codec));
  const FfmpegPtr<AVFrame> picture(av_frame_alloc());
  const FfmpegPtr<AVPacket> packet(av_packet_alloc());
  KIT_CHECK(encoder != nullptr && picture != nullptr && packet != nullptr);
  encoder->width = picture->width = static_cast<int>(frame.size.width);
  encoder->height = picture->height = static_cast<int>(frame.size.height);
  encoder->pix_fmt = format;
  picture->format = format;
  encoder->time_base = {1, 1};
  encoder->thread_count = 1;
  encoder->flags |= AV_CODEC_FLAG_QSCALE;
  encoder->global_quality = picture->quality = kJpegQuantizer * FF_QP2LAMBDA;
  const auto fail = [](const char* what, int error_number) {
    return Error{Code::kInternal, std::string("picture: ") + what + ": " + FfmpegErrorText(error_number)};
  };
  int code = avcodec_open2(encoder.get(), codec, nullptr);
  if (code >= 0) code = av_frame_get_buffer(picture.get(), 0);
  if (code < 0) return fail("cannot start the encoder", code);
  fill(*picture);
  code = avcodec_send_frame(encoder.get(), picture.get());
  if (code >= 0) code = avcodec_send_frame(encoder.get(), nullptr);
  if (code >= 0) code = avcodec_receive_packet(encoder.get(), packet.get());
  if (code < 0) return fail("cannot encode", code);
  return Bytes(packet->data, packet->data + packet->size);
}

}  // namespace

Result<Bytes> EncodePng(const Frame& frame) {
  return EncodePicture(frame, AV_CODEC_ID_PNG, AV_PIX_FMT_RGB24, [&frame](AVFrame& picture) {
    CopyRows(frame.rgb.data(), ptrdiff_t{3} * frame.size.width, picture.data[0], picture.linesize[0], frame.size);
  });
}

Result<Bytes> EncodeJpeg(const Frame& frame) {
  return EncodePicture(frame, AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ444P, [&frame](AVFrame& picture) {
    for (uint32_t y = 0; y < frame.size.height; ++y) {
      for (uint32_t x = 0; x < frame.size.width; ++x) {
        const uint8_t* const rgb = &frame.rgb[(size_t{y} * frame.size.width + x) * 3];
        for (int plane = 0; plane < 3; ++plane) {
          const float* const row = kJfif[plane];
          const float value = row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2] + row[3];
          picture.data[plane][y * picture.linesize[plane] + x] =
              static_cast<uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
        }
      }
    }
  });
}

Status SavePng(const std::filesystem::path& path, const Frame& frame, Overwrite overwrite) {
  KIT_TRY(CheckWritable(path, overwrite));
  Result<Bytes> bytes = EncodePng(frame);
  if (!bytes.ok()) return Within(path.string(), bytes.error());
  return WriteFile(path, bytes.value(), overwrite);
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
  // FFmpeg requires zeroed padding after the bytes; av_new_packet provides it.
  if (code >= 0) code = av_new_packet(packet.get(), static_cast<int>(bytes.size()));
  if (code < 0) return PngError(path, Code::kInternal, "cannot start the decoder", code);
  if (!bytes.empty()) std::memcpy(packet->data, bytes.data(), bytes.size());
  code = bytes.empty() ? AVERROR_INVALIDDATA : avcodec_send_packet(decoder.get(), packet.get());
  if (code >= 0) code = avcodec_receive_frame(decoder.get(), picture.get());
  if (code < 0) return PngError(path, Code::kCorrupt, "is not a whole PNG", code);
  if (picture->format != AV_PIX_FMT_RGB24) {
    const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(picture->format));
    return Error{Code::kUnsupported, "png: " + path.string() + ": pixel format " +
                                         (name != nullptr ? name : "unknown") + ", expected 8-bit RGB"};
  }
  Frame frame;
  frame.size = {static_cast<uint32_t>(picture->width), static_cast<uint32_t>(picture->height)};
  frame.rgb.resize(frame.size.size_bytes());
  CopyRows(picture->data[0], picture->linesize[0], frame.rgb.data(), ptrdiff_t{3} * frame.size.width, frame.size);
  return frame;
}

}  // namespace kitsink
