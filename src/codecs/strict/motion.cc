// Moves a picture by an affine motion, with positions in integers.

#include "codecs/strict/motion.h"

#include <algorithm>

#include "kitsink/result.h"

namespace kitsink::strict {
namespace {

constexpr int kFractionBits = 12;  // of a position
constexpr int kLinearShift = 5;    // terms times doubled pixels from the centre -> positions

// A position between two source indices of an axis.
struct Place {
  size_t low = 0, high = 0;
  float part = 0;  // of high
};
Place PlaceOf(int64_t position, uint32_t size) {
  const int64_t clamped = std::clamp<int64_t>(position, 0, int64_t{size - 1} << kFractionBits);
  const auto low = static_cast<size_t>(clamped >> kFractionBits);
  const auto part = static_cast<float>(clamped & ((1 << kFractionBits) - 1)) / float{1 << kFractionBits};
  return {low, std::min<size_t>(low + 1, size - 1), part};
}

float Between(float low, float high, float part) { return low + part * (high - low); }

}  // namespace

std::vector<float> MovePicture(std::span<const float> picture, FrameSize size, std::span<const int16_t> terms) {
  KIT_CHECK(terms.size() == kMotionTerms && picture.size() == size.size_bytes());
  std::vector<float> moved(picture.size());
  const size_t pitch = size_t{3} * size.width;
  for (uint32_t y = 0; y < size.height; ++y) {
    const int64_t from_centre_y = 2 * int64_t{y} - (size.height - 1);
    for (uint32_t x = 0; x < size.width; ++x) {
      const int64_t from_centre_x = 2 * int64_t{x} - (size.width - 1);
      const auto position = [&](uint32_t at, std::span<const int16_t> t) {
        return (int64_t{at} << kFractionBits) + int64_t{t[0]} * (1 << (kFractionBits - 8)) +
               ((t[1] * from_centre_x + t[2] * from_centre_y) >> kLinearShift);
      };
      const Place column = PlaceOf(position(x, terms.first(3)), size.width);
      const Place row = PlaceOf(position(y, terms.last(3)), size.height);
      const float* const upper = picture.data() + row.low * pitch;
      const float* const lower = picture.data() + row.high * pitch;
      for (size_t c = 0; c < 3; ++c) {
        const float top = Between(upper[3 * column.low + c], upper[3 * column.high + c], column.part);
        const float bottom = Between(lower[3 * column.low + c], lower[3 * column.high + c], column.part);
        moved[y * pitch + 3 * x + c] = Between(top, bottom, row.part);
      }
    }
  }
  return moved;
}

}  // namespace kitsink::strict
