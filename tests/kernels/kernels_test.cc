// Tests of the row kernels and the resizer: against references in double, and the AVX2 twin against the scalar one.

#include "kitsink/kernels.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "testlib.h"

namespace kitsink {
namespace {

using testing::Random;

std::vector<float> RandomFloats(size_t count, uint64_t seed, float range = 2.0F) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = range * (static_cast<float>(random.Below(1 << 20)) / (1 << 19) - 1.0F);
  return values;
}

// Equal bits, or a NaN on both sides: which NaN comes out of two is the processor's choice.
template <typename T>
size_t CountDifferent(const std::vector<T>& a, const std::vector<T>& b) {
  size_t different = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    different += std::memcmp(&a[i], &b[i], sizeof(T)) != 0 && !(a[i] != a[i] && b[i] != b[i]);
  }
  return different;
}

double GeluOf(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

// Three rows of a feature map with margins.
struct Input {
  Input(size_t pixel_count, size_t channel_count, size_t margin_pixels, uint64_t seed)
      : pixels(pixel_count), channels(channel_count), margin(margin_pixels) {
    for (size_t i = 0; i < 3; ++i) {
      data[i].resize((pixels + 2 * margin) * channels);
      const std::vector<float> inner = RandomFloats(pixels * channels, seed + i);
      std::copy(inner.begin(), inner.end(), data[i].begin() + static_cast<ptrdiff_t>(margin * channels));
      rows[i] = data[i].data() + margin * channels;
    }
  }
  // 0 outside the row.
  double at(size_t row, ptrdiff_t x, size_t c) const {
    return x < 0 || x >= static_cast<ptrdiff_t>(pixels) ? 0 : static_cast<double>(rows[row][x * channels + c]);
  }
  size_t pixels, channels, margin;
  std::array<std::vector<float>, 3> data;
  std::array<const float*, 3> rows{};
};

SeparableConv RandomConv(uint32_t channels, uint32_t dilation) {
  return {channels,
          dilation,
          RandomFloats(size_t{9} * channels, 1, 0.5F),
          RandomFloats(channels, 2, 0.5F),
          RandomFloats(size_t{channels} * channels, 3, 0.3F),
          RandomFloats(channels, 4, 0.5F)};
}

struct SeparableOut {
  std::vector<float> row;
  std::vector<double> sums;
};

SeparableOut RunSeparable(const RowKernels& kernels, const SeparableConv& conv, const Input& input) {
  SeparableOut out{std::vector<float>((input.pixels + 3) / 4 * 4 * input.channels),
                   std::vector<double>(input.channels / 4)};
  kernels.separable(conv, input.rows.data(), input.pixels, out.row.data(), out.sums.data());
  out.row.resize(input.pixels * input.channels);
  return out;
}

TEST(RowKernels, GeluIsNearLibm) {
  std::vector<float> r;
  for (int i = -80000; i < 80000; ++i) r.push_back(static_cast<float>(i) / 8000.0F);
  const std::vector<float> x(r.size()), one(8, 1.0F), zero(8);
  std::vector<float> out(r.size());
  ScalarRowKernels().add_gelu(x.data(), r.data(), one.data(), zero.data(), r.size() / 8, 8, out.data());
  double worst = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(out[i]) - GeluOf(static_cast<double>(r[i]))) /
                                std::max(1.0, std::fabs(static_cast<double>(r[i]))));
  }
  EXPECT_LT(worst, 8e-8);  // a float's rounding is 6e-8
}

TEST(RowKernels, SigmoidIsNearLibm) {
  ColourConv conv{8, std::vector<float>(9 * 3 * 8), {}};
  const Input input(1, 8, kRowMargin, 1);
  double worst = 0;
  for (int i = -9000; i < 9000; i += 3) {
    for (int c = 0; c < 3; ++c) conv.bias[c] = static_cast<float>(i + c) / 450.0F;
    float out[3];
    ScalarRowKernels().colour(conv, input.rows.data(), 1, out);
    for (int c = 0; c < 3; ++c) {
      const double expected = 255.0 / (1.0 + std::exp(-static_cast<double>(conv.bias[c])));
      worst = std::max(worst, std::fabs(static_cast<double>(out[c]) - expected));
    }
  }
  EXPECT_LT(worst, 3e-5);  // a float's rounding at 255 is 8e-6
}

TEST(RowKernels, SeparableIsADepthwiseAndAPointwiseConvolution) {
  for (const uint32_t dilation : {1U, 3U, 16U}) {
    const Input input(21, 24, std::max<size_t>(dilation, kRowMargin), 5);
    const SeparableConv conv = RandomConv(24, dilation);
    const SeparableOut out = RunSeparable(ScalarRowKernels(), conv, input);
    std::vector<double> sums(6);
    double worst = 0;
    for (size_t x = 0; x < input.pixels; ++x) {
      std::array<double, 24> middle{};
      for (size_t c = 0; c < 24; ++c) {
        middle[c] = static_cast<double>(conv.depthwise_bias[c]);
        for (size_t tap = 0; tap < 9; ++tap) {
          const ptrdiff_t from = static_cast<ptrdiff_t>(x) + (static_cast<ptrdiff_t>(tap % 3) - 1) * dilation;
          middle[c] += static_cast<double>(conv.depthwise[tap * 24 + c]) * input.at(tap / 3, from, c);
        }
      }
      for (size_t c = 0; c < 24; ++c) {
        double value = static_cast<double>(conv.pointwise_bias[c]);
        for (size_t k = 0; k < 24; ++k) value += static_cast<double>(conv.pointwise[k * 24 + c]) * middle[k];
        worst = std::max(worst, std::fabs(value - static_cast<double>(out.row[x * 24 + c])));
        sums[c / 8] += value;
        sums[3 + c / 8] += value * value;
      }
    }
    EXPECT_LT(worst, 5e-6);
    for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(out.sums[i], sums[i], 1e-3);
  }
}

TEST(RowKernels, ColourIsAConvolution) {
  const Input input(11, 16, kRowMargin, 6);
  const ColourConv conv{16, RandomFloats(9 * 3 * 16, 7, 0.2F), {0.1F, -0.2F, 0.3F}};
  std::vector<float> out(33);
  ScalarRowKernels().colour(conv, input.rows.data(), 11, out.data());
  for (size_t i = 0; i < 33; ++i) {
    const size_t x = i / 3, colour = i % 3;
    double sum = static_cast<double>(conv.bias[colour]);
    for (size_t tap = 0; tap < 9; ++tap) {
      for (size_t c = 0; c < 16; ++c) {
        sum += static_cast<double>(conv.weights[(tap * 3 + colour) * 16 + c]) *
               input.at(tap / 3, static_cast<ptrdiff_t>(x + tap % 3) - 1, c);
      }
    }
    EXPECT_NEAR(static_cast<double>(out[i]), 255 / (1 + std::exp(-sum)), 1e-3);
  }
}

// Each kernel on rows of many sizes, some with values that are not finite.
TEST(RowKernels, TwinsAgreeBitForBit) {
  const RowKernels* const avx2 = Avx2RowKernels();
  if (avx2 == nullptr) GTEST_SKIP() << "no AVX2 here";
  const RowKernels& scalar = ScalarRowKernels();
  uint64_t seed = 0;
  for (const size_t pixels : {1, 3, 4, 15, 16, 17, 61}) {
    for (const uint32_t channels : {8U, 16U, 24U, 40U, 96U, 128U}) {
      Input input(pixels, channels, 16, ++seed);
      if (seed % 3 == 0) {
        input.data[0][16 * channels] = std::numeric_limits<float>::infinity();
        input.data[1][17 * channels - 1] = std::numeric_limits<float>::quiet_NaN();
      }
      for (const uint32_t dilation : {1U, 2U, 16U}) {
        const SeparableConv conv = RandomConv(channels, dilation);
        const SeparableOut a = RunSeparable(scalar, conv, input), b = RunSeparable(*avx2, conv, input);
        EXPECT_EQ(CountDifferent(a.row, b.row), 0U);
        EXPECT_EQ(CountDifferent(a.sums, b.sums), 0U);
      }
      const std::vector<float> scale = RandomFloats(channels, seed, 5.0F), shift = RandomFloats(channels, seed + 1);
      const ColourConv head{channels, RandomFloats(size_t{27} * channels, seed), {0.5F, 0.0F, -0.5F}};
      const std::vector<uint8_t> ids = Random(seed).Bytes(pixels);
      const std::vector<float> table = RandomFloats(size_t{256} * channels, seed);
      const auto run = [&](const RowKernels& kernels) {
        const size_t values = pixels * channels;
        std::vector<float> out(3 * values + 3 * pixels);
        const float *const x = input.rows[0], *const r = input.rows[1];
        kernels.add_gelu(x, r, scale.data(), shift.data(), pixels, channels, out.data());
        kernels.gelu_of_add_gelu(x, r, scale.data(), shift.data(), pixels, channels, out.data() + values);
        kernels.embed(ids.data(), pixels, channels, table.data(), x, r, scale.data(), shift.data(),
                      out.data() + 2 * values);
        kernels.colour(head, input.rows.data(), pixels, out.data() + 3 * values);
        return out;
      };
      EXPECT_EQ(CountDifferent(run(scalar), run(*avx2)), 0U) << pixels << " x " << channels;
    }
  }
}

TEST(RowKernels, ChooseTakesTheFirstBestCandidate) {
  const std::vector<float> left = RandomFloats(40, 1), right = RandomFloats(40, 2), rest = RandomFloats(40, 3);
  std::array<std::vector<float>, 4> penalties;
  for (size_t i = 0; i < 4; ++i) penalties[i] = RandomFloats(40, 4 + i, 0.2F);
  const TapRow row{left.data(),
                   right.data(),
                   rest.data(),
                   {penalties[0].data(), penalties[1].data(), penalties[2].data(), penalties[3].data()}};
  const std::vector<float> sums = RandomFloats(60, 9);
  std::vector<TapCandidate> candidates;
  for (uint32_t i = 0; i < 30; ++i) candidates.push_back({sums[i], sums[30 + i], i % 4});
  candidates.insert(candidates.end(), candidates.begin(), candidates.begin() + 30);  // the same again: never chosen
  for (const RowKernels* const kernels : {&ScalarRowKernels(), Avx2RowKernels()}) {
    if (kernels == nullptr) continue;
    std::vector<float> indices(40);
    kernels->choose(candidates, row, 40, indices.data());
    for (size_t x = 0; x < 40; ++x) {
      const auto error = [&](size_t k) {
        const double sum = static_cast<double>(candidates[k].left) * static_cast<double>(left[x]) +
                           static_cast<double>(candidates[k].right) * static_cast<double>(right[x]);
        return std::fabs(sum - static_cast<double>(rest[x])) + static_cast<double>(penalties[candidates[k].penalty][x]);
      };
      ASSERT_LT(indices[x], 30.0F);
      for (size_t k = 0; k < 30; ++k) EXPECT_LT(error(static_cast<size_t>(indices[x])), error(k) + 1e-6);
    }
  }
}

struct ResizeCase {
  FrameSize source, target;
};
constexpr ResizeCase kResizes[] = {
    {{13, 9}, {29, 20}}, {{29, 20}, {13, 9}}, {{1, 1}, {5, 3}}, {{64, 48}, {146, 110}}, {{7, 5}, {7, 5}}};

// The weight of source index s for target index i, in double.
double ReferenceWeight(uint32_t source, uint32_t target, uint32_t i, uint32_t s, Interpolation interpolation) {
  const bool cubic = interpolation == Interpolation::kBicubic;
  double position = (i + 0.5) * source / target - 0.5;
  if (!cubic) position = std::max(position, 0.0);
  const int64_t low = static_cast<int64_t>(std::floor(position));
  double weight = 0;
  for (int64_t at = low - 1; at <= low + 2; ++at) {
    if (std::clamp<int64_t>(at, 0, source - 1) != s) continue;
    const double d = std::fabs(position - static_cast<double>(at)), a = -0.75;
    if (!cubic) {
      weight += std::max(0.0, 1 - d);
    } else {
      weight += d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
    }
  }
  return weight;
}

TEST(Resizer, IsNearTheFormula) {
  constexpr RgbOffsets offsets = {127.5F, 90.0F, -2.25F};
  for (const auto& [source, target] : kResizes) {
    for (const Interpolation interpolation : {Interpolation::kBilinear, Interpolation::kBicubic}) {
      const std::vector<float> picture = RandomFloats(source.size_bytes(), 3, 150.0F);
      const Frame frame = Resizer(source, target, interpolation, ScalarRowKernels()).Resize(picture, offsets, 1);
      for (size_t i = 0; i < frame.rgb.size(); ++i) {
        const auto x = static_cast<uint32_t>(i / 3 % target.width), y = static_cast<uint32_t>(i / 3 / target.width);
        double value = static_cast<double>(offsets[i % 3]);
        for (uint32_t sy = 0; sy < source.height; ++sy) {
          const double row = ReferenceWeight(source.height, target.height, y, sy, interpolation);
          if (row == 0) continue;
          for (uint32_t sx = 0; sx < source.width; ++sx) {
            value += row * ReferenceWeight(source.width, target.width, x, sx, interpolation) *
                     static_cast<double>(picture[3 * (size_t{sy} * source.width + sx) + i % 3]);
          }
        }
        ASSERT_NEAR(frame.rgb[i], std::clamp(value, 0.0, 255.0), 0.501);
      }
    }
  }
}

TEST(Resizer, TwinsAndThreadsAgree) {
  constexpr RgbOffsets offsets = {9.0F, -4.5F, 0.0F};
  for (const auto& [source, target] : kResizes) {
    for (const Interpolation interpolation : {Interpolation::kBilinear, Interpolation::kBicubic}) {
      std::vector<float> picture = RandomFloats(source.size_bytes(), 4, 300.0F);
      picture[0] = std::numeric_limits<float>::quiet_NaN();
      picture.back() = -std::numeric_limits<float>::infinity();
      const Frame expected = Resizer(source, target, interpolation, ScalarRowKernels()).Resize(picture, offsets, 1);
      for (int threads = 1; threads <= 3; ++threads) {
        EXPECT_EQ(Resizer(source, target, interpolation, FastRowKernels()).Resize(picture, offsets, threads).rgb,
                  expected.rgb);
      }
    }
  }
}

TEST(Resizer, RoundsTiesToEvenAndTurnsNanToZero) {
  const std::vector<float> picture = {0.5F, 1.5F, 2.5F, std::numeric_limits<float>::quiet_NaN(), -3.0F, 999.0F};
  const Frame frame = Resizer({2, 1}, {2, 1}, Interpolation::kBilinear, FastRowKernels()).Resize(picture, {}, 1);
  EXPECT_EQ(frame.rgb[0], 0);
  EXPECT_EQ(frame.rgb[4], 0);
  EXPECT_EQ(frame.rgb[5], 255);
  EXPECT_EQ(frame.rgb[3], 0);
}

}  // namespace
}  // namespace kitsink
