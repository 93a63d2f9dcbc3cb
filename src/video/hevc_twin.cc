// Decodes an HEVC stream a second time among noise and compares the pictures.

#include "video/hevc_twin.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "kitsink/result.h"
#include "video/hevc_units.h"

namespace kitsink {
namespace {

constexpr int kNoiseBytes = 64;
constexpr uint8_t kNoise = 0xA5;  // no part of a start code

// True if the packet's last unit is part of a picture. Noise behind other units would be read as more of them.
bool EndsInPicture(std::span<const uint8_t> packet) {
  for (size_t i = packet.size(); i >= 4; --i) {
    const uint8_t* const code = &packet[i - 4];
    if (code[0] == 0 && code[1] == 0 && code[2] == 1) return (code[3] >> 1 & 63) < 32;
  }
  return false;
}

int GetNoisyBuffer(AVCodecContext* context, AVFrame* frame, int flags) {
  const int code = avcodec_default_get_buffer2(context, frame, flags);
  if (code < 0) return code;
  for (AVBufferRef* const buffer : frame->buf) {
    if (buffer != nullptr) std::memset(buffer->data, kNoise, buffer->size);
  }
  return code;
}

bool SamePlane(const AVFrame& a, const AVFrame& b, int plane, int width, int height) {
  for (int y = 0; y < height; ++y) {
    const uint8_t* const row_a = a.data[plane] + ptrdiff_t{y} * a.linesize[plane];
    const uint8_t* const row_b = b.data[plane] + ptrdiff_t{y} * b.linesize[plane];
    if (!std::equal(row_a, row_a + width, row_b)) return false;
  }
  return true;
}

// Compares 8-bit 4:2:0 pictures. The reader refuses all others for their format.
bool SamePicture(const AVFrame& a, const AVFrame& b) {
  if (a.width != b.width || a.height != b.height || a.format != b.format) return false;
  if (a.format != AV_PIX_FMT_YUV420P && a.format != AV_PIX_FMT_YUVJ420P) return true;
  const int chroma_width = AV_CEIL_RSHIFT(a.width, 1);
  const int chroma_height = AV_CEIL_RSHIFT(a.height, 1);
  return SamePlane(a, b, 0, a.width, a.height) && SamePlane(a, b, 1, chroma_width, chroma_height) &&
         SamePlane(a, b, 2, chroma_width, chroma_height);
}

}  // namespace

std::unique_ptr<HevcTwin> HevcTwin::Create(const AVCodecParameters& parameters) {
  if (parameters.codec_id != AV_CODEC_ID_HEVC || !HasStartCodes(parameters)) return nullptr;
  const AVCodec* const codec = avcodec_find_decoder(AV_CODEC_ID_HEVC);
  if (codec == nullptr) return nullptr;
  FfmpegPtr<AVCodecContext> context(avcodec_alloc_context3(codec));
  KIT_CHECK(context != nullptr);
  if (avcodec_parameters_to_context(context.get(), &parameters) < 0) return nullptr;
  context->thread_count = 1;
  context->get_buffer2 = GetNoisyBuffer;
  if (avcodec_open2(context.get(), codec, nullptr) < 0) return nullptr;
  return std::unique_ptr<HevcTwin>(new HevcTwin(std::move(context)));
}

// Errors need no report here: a picture that fails to come differs from the other decoder's picture.
void HevcTwin::Send(const AVPacket* packet) {
  if (packet == nullptr) {
    avcodec_send_packet(context_.get(), nullptr);
    return;
  }
  if (av_packet_ref(packet_.get(), packet) < 0) return;
  const int size = packet_->size;
  if (EndsInPicture({packet_->data, static_cast<size_t>(size)}) && av_grow_packet(packet_.get(), kNoiseBytes) >= 0) {
    std::memset(packet_->data + size, kNoise, kNoiseBytes);
  }
  avcodec_send_packet(context_.get(), packet_.get());
  av_packet_unref(packet_.get());
}

bool HevcTwin::Shows(const AVFrame& picture) {
  if (avcodec_receive_frame(context_.get(), frame_.get()) < 0) return false;
  const bool same = SamePicture(picture, *frame_);
  av_frame_unref(frame_.get());
  return same;
}

}  // namespace kitsink
