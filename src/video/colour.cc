// Converts 4:2:0 to RGB bit-equal to PyTorch. Each operation must round once, so this file is compiled without FMA
// contraction.

#include "video/colour.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "kitsink/result.h"
#include "kitsink/video.h"

namespace kitsink {
namespace {

// Interpolates chroma at luma positions for an even width. The weights are 1/4 and 3/4, so every product and sum of
// PyTorch's kernel is exact, and small integers give the same values. `blended` holds 4 * the vertical blend.
void UpsampleEvenRow(const std::vector<uint16_t>& blended, std::vector<float>& row) {
  const size_t count = blended.size();
  const uint16_t* in = blended.data();
  float* out = row.data();
  const auto at_sixteenths = [](int value) { return static_cast<float>(value) * 0.0625F; };
  out[0] = at_sixteenths(4 * in[0]);
  for (size_t i = 1; i < count; ++i) {
    out[2 * i - 1] = at_sixteenths(3 * in[i - 1] + in[i]);
    out[2 * i] = at_sixteenths(in[i - 1] + 3 * in[i]);
  }
  out[2 * count - 1] = at_sixteenths(4 * in[count - 1]);
}

void BlendEvenRows(Plane plane, uint32_t row, uint32_t rows, std::vector<uint16_t>& blended) {
  const uint32_t near_row = row / 2;
  const uint32_t far_row = row % 2 == 0 ? std::max(near_row, 1U) - 1 : std::min(near_row + 1, rows - 1);
  const uint8_t* near_samples = plane.data + near_row * plane.stride;
  const uint8_t* far_samples = plane.data + far_row * plane.stride;
  for (size_t i = 0; i < blended.size(); ++i) {
    blended[i] = static_cast<uint16_t>(3 * near_samples[i] + far_samples[i]);
  }
}

// The two input samples and weights of one output sample along one axis, as in PyTorch's bilinear interpolation with
// align_corners false.
struct Tap {
  uint32_t first;
  uint32_t second;
  double first_weight;
  double second_weight;
};

// As in PyTorch's CPU kernel, scale and weights are rounded to float32 and the position is not.
std::vector<Tap> MakeTaps(uint32_t input_count, uint32_t output_count) {
  const double scale = static_cast<float>(input_count) / static_cast<float>(output_count);
  std::vector<Tap> taps(output_count);
  for (uint32_t i = 0; i < output_count; ++i) {
    const double position = std::max(0.0, scale * (i + 0.5) - 0.5);
    Tap& tap = taps[i];
    tap.first = std::min(static_cast<uint32_t>(position), input_count - 1);
    tap.second = std::min(tap.first + 1, input_count - 1);
    const auto weight = static_cast<float>(position - tap.first);
    tap.second_weight = weight;
    tap.first_weight = 1.0F - weight;
  }
  return taps;
}

// Interpolates chroma for odd sizes. The contest's code fails on odd heights, so there are no reference bytes. Sums in
// double, rounded once to float32, come closest to the kernel of PyTorch 1.13: 2 bytes in a million differ, by one.
void UpsampleAnyRow(Plane plane, const Tap& down, const std::vector<Tap>& across, std::vector<float>& row) {
  const uint8_t* upper = plane.data + down.first * plane.stride;
  const uint8_t* lower = plane.data + down.second * plane.stride;
  for (size_t i = 0; i < row.size(); ++i) {
    const Tap& tap = across[i];
    const double above = upper[tap.first] * tap.first_weight + upper[tap.second] * tap.second_weight;
    const double below = lower[tap.first] * tap.first_weight + lower[tap.second] * tap.second_weight;
    row[i] = static_cast<float>(above * down.first_weight + below * down.second_weight);
  }
}

// Rounds half to even and clamps to 0 .. 255. Adding 1.5 * 2^23 leaves the rounded integer in the low bits of the
// float. Clamping after rounding gives the same bytes as clamping before, and integers clamp without branches.
uint8_t ToByte(float value) {
  constexpr float kShift = 12582912.0F;
  const int rounded = std::bit_cast<int32_t>(value + kShift) - std::bit_cast<int32_t>(kShift);
  return static_cast<uint8_t>(std::clamp(rounded, 0, 255));
}

// BT.601, limited range, with the contest's six-digit constants for green. Each block is converted plane by plane and
// then interleaved, so that the compiler can vectorise the arithmetic.
void ConvertRow(const uint8_t* y, const float* u, const float* v, uint32_t width, uint8_t* rgb) {
  constexpr auto kLumaGain = static_cast<float>(255.0 / 219.0);
  constexpr auto kChromaGain = static_cast<float>(255.0 / 224.0);
  constexpr size_t kBlock = 128;
  std::array<uint8_t, kBlock> r;
  std::array<uint8_t, kBlock> g;
  std::array<uint8_t, kBlock> b;
  for (size_t begin = 0; begin < width; begin += kBlock) {
    const size_t count = std::min(kBlock, width - begin);
    for (size_t i = 0; i < count; ++i) {
      const float luma = (static_cast<float>(y[begin + i]) - 16.0F) * kLumaGain;
      const float blue = (u[begin + i] - 128.0F) * kChromaGain;
      const float red = (v[begin + i] - 128.0F) * kChromaGain;
      r[i] = ToByte(luma + 1.402F * red);
      g[i] = ToByte((luma - 0.344136F * blue) - 0.714136F * red);
      b[i] = ToByte(luma + 1.772F * blue);
    }
    for (size_t i = 0; i < count; ++i) {
      uint8_t* pixel = rgb + 3 * (begin + i);
      pixel[0] = r[i];
      pixel[1] = g[i];
      pixel[2] = b[i];
    }
  }
}

}  // namespace

void Yuv420ToRgb(FrameSize size, Plane y, Plane u, Plane v, uint8_t* rgb) {
  const uint32_t chroma_width = (size.width + 1) / 2;
  const uint32_t chroma_height = (size.height + 1) / 2;
  const bool even = size.width % 2 == 0 && size.height % 2 == 0;
  std::vector<float> u_row(size.width);
  std::vector<float> v_row(size.width);
  std::vector<uint16_t> blended(chroma_width);
  const std::vector<Tap> across = even ? std::vector<Tap>() : MakeTaps(chroma_width, size.width);
  const std::vector<Tap> down = even ? std::vector<Tap>() : MakeTaps(chroma_height, size.height);
  for (uint32_t row = 0; row < size.height; ++row) {
    if (even) {
      BlendEvenRows(u, row, chroma_height, blended);
      UpsampleEvenRow(blended, u_row);
      BlendEvenRows(v, row, chroma_height, blended);
      UpsampleEvenRow(blended, v_row);
    } else {
      UpsampleAnyRow(u, down[row], across, u_row);
      UpsampleAnyRow(v, down[row], across, v_row);
    }
    ConvertRow(y.data + row * y.stride, u_row.data(), v_row.data(), size.width, rgb + size_t{3} * size.width * row);
  }
}

Frame ConvertToRgb(const Yuv420& picture) {
  const auto chroma_width = static_cast<ptrdiff_t>((picture.size.width + 1) / 2);
  const size_t chroma_bytes = static_cast<size_t>(chroma_width) * ((picture.size.height + 1) / 2);
  KIT_CHECK(picture.size.width > 0 && picture.size.height > 0);
  KIT_CHECK(picture.y.size() == size_t{picture.size.width} * picture.size.height);
  KIT_CHECK(picture.u.size() == chroma_bytes && picture.v.size() == chroma_bytes);
  Frame frame{picture.size, std::vector<uint8_t>(picture.size.size_bytes())};
  Yuv420ToRgb(picture.size, {picture.y.data(), static_cast<ptrdiff_t>(picture.size.width)},
              {picture.u.data(), chroma_width}, {picture.v.data(), chroma_width}, frame.rgb.data());
  return frame;
}

}  // namespace kitsink
