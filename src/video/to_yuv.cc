// Converts RGB frames to 4:2:0 pictures for encoders.

#include <algorithm>
#include <cmath>

#include "kitsink/video.h"

namespace kitsink {
namespace {

uint8_t RoundToByte(float value) { return static_cast<uint8_t>(std::lround(std::clamp(value, 0.0F, 255.0F))); }

}  // namespace

Yuv420 ConvertToYuv420(const Frame& frame) {
  const uint32_t width = frame.size.width;
  const uint32_t height = frame.size.height;
  Yuv420 picture{frame.size, std::vector<uint8_t>(size_t{width} * height), {}, {}};
  const auto luma = [](const uint8_t* p) {
    return 0.299F * static_cast<float>(p[0]) + 0.587F * static_cast<float>(p[1]) + 0.114F * static_cast<float>(p[2]);
  };
  for (size_t i = 0; i < picture.y.size(); ++i) {
    picture.y[i] = RoundToByte(16.0F + luma(&frame.rgb[3 * i]) * (219.0F / 255.0F));
  }
  for (uint32_t y = 0; y < height; y += 2) {
    for (uint32_t x = 0; x < width; x += 2) {
      float blue = 0.0F;
      float red = 0.0F;
      for (uint32_t k = 0; k < 4; ++k) {  // at an odd edge the last row or column counts twice
        const size_t row = std::min(y + k / 2, height - 1);
        const uint8_t* pixel = &frame.rgb[3 * (row * width + std::min(x + k % 2, width - 1))];
        blue += (static_cast<float>(pixel[2]) - luma(pixel)) / 1.772F;
        red += (static_cast<float>(pixel[0]) - luma(pixel)) / 1.402F;
      }
      picture.u.push_back(RoundToByte(128.0F + blue * (0.25F * 224.0F / 255.0F)));
      picture.v.push_back(RoundToByte(128.0F + red * (0.25F * 224.0F / 255.0F)));
    }
  }
  return picture;
}

}  // namespace kitsink
