// Shrinks frames through libswscale.

extern "C" {
#include <libswscale/swscale.h>
}

#include <memory>

#include "kitsink/video.h"

namespace kitsink {

Frame Shrink(const Frame& frame, FrameSize size) {
  if (frame.size == size) return frame;
  const auto width = [](FrameSize s) { return static_cast<int>(s.width); };
  const auto height = [](FrameSize s) { return static_cast<int>(s.height); };
  const std::unique_ptr<SwsContext, decltype(&sws_freeContext)> context(
      sws_getContext(width(frame.size), height(frame.size), AV_PIX_FMT_RGB24, width(size), height(size),
                     AV_PIX_FMT_RGB24, SWS_LANCZOS | SWS_ACCURATE_RND | SWS_BITEXACT, nullptr, nullptr, nullptr),
      &sws_freeContext);
  KIT_CHECK(context != nullptr);
  Frame small{size, std::vector<uint8_t>(size.size_bytes())};
  const uint8_t* const from[] = {frame.rgb.data()};
  const int from_stride[] = {3 * width(frame.size)};
  uint8_t* const to[] = {small.rgb.data()};
  const int to_stride[] = {3 * width(size)};
  sws_scale(context.get(), from, from_stride, 0, height(frame.size), to, to_stride);
  return small;
}

}  // namespace kitsink
