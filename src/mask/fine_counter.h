#pragma once
// Decisions without mixing: an adaptive probability, an even one, and the motion of a map.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "mask/motion.h"

namespace kitsink {

// An adaptive probability for decisions without mixing. It has 32 bits because some decisions are almost certain.
struct FineCounter {
  uint32_t p_one = 1U << 31;
  uint32_t count = 0;
  void Update(int bit) {
    const uint32_t rate = 2 + count;
    if (count < 1022) ++count;
    p_one = bit != 0 ? p_one + (UINT32_MAX - p_one) / rate : p_one - p_one / rate;
  }
};

template <typename Coder>
int CodeBit(Coder& coder, int bit, FineCounter& model) {
  const int coded = coder.Code(bit, model.p_one);
  model.Update(coded);
  return coded;
}
template <typename Coder>
int CodeEven(Coder& coder, uint32_t bit) {
  return coder.Code(static_cast<int>(bit), 1U << 31);
}

// Codes the motion of each map as a difference from the motion of the previous map.
class MotionCoder {
 public:
  // A decoder ignores `wanted`. Returns the motion that was coded.
  template <typename Coder>
  const Motion& Code(Coder& coder, const Motion& wanted, int num_classes) {
    for (size_t i = 0; i < Motion::kNumFields; ++i) {
      motion_.field[i] += CodeInteger(coder, wanted.field[i] - motion_.field[i], field_models_[i]);
      motion_.field[i] = std::clamp(motion_.field[i], -kMaxMotion, kMaxMotion);
    }
    for (uint32_t id = 0; id < static_cast<uint32_t>(num_classes); ++id) {
      const uint32_t differs = (wanted.plane ^ motion_.plane) >> id & 1;
      motion_.plane ^= static_cast<uint32_t>(CodeBit(coder, static_cast<int>(differs), plane_model_)) << id;
    }
    return motion_;
  }

 private:
  static constexpr int32_t kMaxMotion = (1 << kMotionBits) - 1;

  // Codes: not zero?, the sign, the bit length of the magnitude in unary, then the bits below the leading one.
  using IntegerModel = std::array<FineCounter, kMotionBits + 3>;
  template <typename Coder>
  static int32_t CodeInteger(Coder& coder, int32_t value, IntegerModel& model) {
    if (CodeBit(coder, value != 0 ? 1 : 0, model[0]) == 0) return 0;
    const int negative = CodeBit(coder, value < 0 ? 1 : 0, model[1]);
    const auto magnitude = static_cast<uint32_t>(value < 0 ? -value : value);
    int width = 1;
    while (width <= kMotionBits && CodeBit(coder, static_cast<int>(std::bit_width(magnitude)) > width ? 1 : 0,
                                           model[static_cast<size_t>(width) + 1]) != 0) {
      ++width;
    }
    uint32_t coded = 1;
    for (int bit = width - 2; bit >= 0; --bit)
      coded = coded << 1 | static_cast<uint32_t>(CodeEven(coder, magnitude >> bit & 1));
    return negative != 0 ? -static_cast<int32_t>(coded) : static_cast<int32_t>(coded);
  }

  Motion motion_;
  std::array<IntegerModel, Motion::kNumFields> field_models_;
  FineCounter plane_model_;
};

}  // namespace kitsink
