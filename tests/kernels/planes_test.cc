// Tests of the plane kernels: against libm and plain sums in double, and the vector twins against the scalar one.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kitsink/plane_kernels.h"
#include "testlib.h"

namespace kitsink {
namespace {

using testing::Random;
using Limit = std::numeric_limits<float>;

std::vector<float> RandomFloats(size_t count, uint64_t seed, float range) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = range * (static_cast<float>(random.Below(1 << 20)) / (1 << 19) - 1.0F);
  return values;
}

// A row of planes with margins of zeros.
struct Row {
  Row(size_t channel_count, size_t pixel_count) : channels(channel_count), pixels(pixel_count) {
    data.resize(PlaneRowFloats(channels, pixels));
  }
  Row(size_t channel_count, size_t pixel_count, uint64_t seed, float range) : Row(channel_count, pixel_count) {
    const std::vector<float> values = RandomFloats(channels * pixels, seed, range);
    for (size_t i = 0; i < values.size(); ++i) at(i / pixels, i % pixels) = values[i];
  }
  float* first() { return data.data() + kPlaneMargin; }
  const float* first() const { return data.data() + kPlaneMargin; }
  float& at(size_t channel, size_t x) { return first()[channel * PlanePitch(pixels) + x]; }
  double get(size_t channel, ptrdiff_t x) const {
    if (x < 0 || x >= static_cast<ptrdiff_t>(pixels)) return 0;
    return static_cast<double>(first()[channel * PlanePitch(pixels) + static_cast<size_t>(x)]);
  }
  size_t channels, pixels;
  std::vector<float> data;
};

// Equal bits, or a NaN on both sides: which NaN comes out of two is the processor's choice.
size_t CountDifferent(const std::vector<float>& a, const std::vector<float>& b) {
  size_t different = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    different += std::memcmp(&a[i], &b[i], sizeof(float)) != 0 && !(a[i] != a[i] && b[i] != b[i]);
  }
  return different;
}

std::vector<float> SineOf(const PlaneKernels& kernels, std::vector<float> r) {
  r.resize((r.size() + 7) / 8 * 8);
  const std::vector<float> zeros(r.size());
  std::vector<float> out(r.size());
  kernels.add_sine(zeros.data(), r.data(), 1.0F, r.size(), out.data());
  return out;
}

// The largest error in units of the last place of the true value.
double WorstUlps(const std::vector<float>& r) {
  const std::vector<float> out = SineOf(FastPlaneKernels(), r);
  double worst = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    const double truth = std::sin(static_cast<double>(r[i]));
    int exponent = 0;
    std::frexp(truth, &exponent);
    const double ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
    worst = std::max(worst, std::fabs(static_cast<double>(out[i]) - truth) / ulp);
  }
  return worst;
}

TEST(Sine, IsNearLibm) {
  std::vector<float> r;
  for (int i = -2000000; i <= 2000000; ++i) r.push_back(static_cast<float>(i) / 2000.0F);  // -1000 .. 1000
  for (int i = 0; i < 2000; ++i) {  // around multiples of pi / 2, where all of the reduction's bits count
    const auto at = static_cast<float>(i * 1.5707963267948966);
    for (int step = -20; step <= 20; ++step)
      r.push_back(std::bit_cast<float>(std::bit_cast<int32_t>(at) + step * (i > 0)));
  }
  for (int exponent = -149; exponent < 10; ++exponent) {
    for (const float mantissa : {1.0F, 1.3F, 1.9F}) r.push_back(std::ldexp(mantissa, exponent));
  }
  EXPECT_LT(WorstUlps(r), 2.2);
}

TEST(Sine, EveryArgumentHasAValue) {
  const std::vector<float> out = SineOf(FastPlaneKernels(), {Limit::quiet_NaN(), Limit::infinity(), -Limit::infinity(),
                                                             Limit::max(), -Limit::max(), 1e6F, 1048576.0F, -0.0F});
  for (const float value : out) EXPECT_LE(std::fabs(value), 1.1F);
  EXPECT_EQ(out[0], out[2]);
  EXPECT_EQ(out[1], out[6]);
  EXPECT_NEAR(static_cast<double>(out[5]), std::sin(1e6), 1e-3);
}

PlaneConv RandomConv(uint32_t inputs, uint32_t outputs, uint32_t taps, uint32_t dilation, uint64_t seed) {
  return {inputs,
          outputs,
          taps,
          dilation,
          RandomFloats(size_t{inputs} * outputs * taps * taps, seed, 0.3F),
          RandomFloats(outputs, seed + 1, 0.5F)};
}

struct Input {
  Input(uint32_t inputs, size_t pixels, uint64_t seed)
      : rows{Row(inputs, pixels, seed, 2.0F), Row(inputs, pixels, seed + 1, 2.0F),
             Row(inputs, pixels, seed + 2, 2.0F)} {}
  std::array<const float*, 3> pointers() const { return {rows[0].first(), rows[1].first(), rows[2].first()}; }
  std::array<Row, 3> rows;
};

double ReferenceSum(const PlaneConv& conv, const Input& input, size_t output, size_t x) {
  double sum = static_cast<double>(conv.bias[output]);
  for (size_t channel = 0; channel < conv.inputs; ++channel) {
    for (size_t tap = 0; tap < conv.taps * conv.taps; ++tap) {
      const ptrdiff_t shift = (static_cast<ptrdiff_t>(tap % conv.taps) - conv.taps / 2) * conv.dilation;
      sum += static_cast<double>(conv.weights[(output * conv.inputs + channel) * conv.taps * conv.taps + tap]) *
             input.rows[tap / conv.taps].get(channel, static_cast<ptrdiff_t>(x) + shift);
    }
  }
  return sum;
}

TEST(PlaneKernels, ConvolveIsAConvolution) {
  for (const auto& [taps, dilation] : {std::pair(1U, 1U), std::pair(3U, 1U), std::pair(3U, 2U), std::pair(3U, 16U)}) {
    const Input input(7, 24, 3);
    const PlaneConv conv = RandomConv(7, 8, taps, dilation, 5);
    Row out(8, 24);
    FastPlaneKernels().convolve(conv, input.pointers().data(), 24, out.first());
    for (size_t output = 0; output < 8; ++output) {
      for (size_t x = 0; x < 24; ++x) {
        ASSERT_NEAR(static_cast<double>(out.at(output, x)), ReferenceSum(conv, input, output, x), 1e-5);
      }
    }
  }
}

TEST(PlaneKernels, ShuffleTakesFourOutputsToTwoRows) {
  const Input input(5, 40, 3);
  const PlaneConv conv = RandomConv(5, 12, 3, 1, 6);
  std::array<Row, 2> out = {Row(3, 80), Row(3, 80)};
  const std::array<float*, 2> to = {out[0].first(), out[1].first()};
  FastPlaneKernels().convolve_shuffled(conv, input.pointers().data(), 40, to.data());
  for (size_t i = 0; i < 2 * 3 * 80; ++i) {
    const size_t row = i % 2, channel = i / 2 % 3, x = i / 6;
    ASSERT_NEAR(static_cast<double>(out[row].at(channel, x)),
                ReferenceSum(conv, input, 4 * channel + 2 * row + x % 2, x / 2), 1e-5);
  }
}

TEST(PlaneKernels, EnlargedSineIsBilinear) {
  Row near(2, 16, 1, 3.0F), far(2, 16, 2, 3.0F), row(2, 32, 3, 3.0F);
  const Row before = row;
  FastPlaneKernels().add_enlarged_sine(near.first(), far.first(), 16, 2, row.first());
  for (size_t channel = 0; channel < 2; ++channel) {
    for (size_t x = 0; x < 32; ++x) {
      const auto blended = [&](ptrdiff_t at) {
        at = std::clamp<ptrdiff_t>(at, 0, 15);
        return 0.75 * near.get(channel, at) + 0.25 * far.get(channel, at);
      };
      const auto middle = static_cast<ptrdiff_t>(x / 2);
      const double enlarged = 0.75 * blended(middle) + 0.25 * blended(x % 2 == 0 ? middle - 1 : middle + 1);
      EXPECT_NEAR(static_cast<double>(row.at(channel, x)),
                  std::sin(before.get(channel, static_cast<ptrdiff_t>(x)) + enlarged), 2e-6);
    }
  }
}

TEST(PlaneKernels, ColourIsASigmoid) {
  Row planes(3, 24, 4, 9.0F);
  planes.at(0, 0) = Limit::quiet_NaN();
  std::vector<float> out(72);
  FastPlaneKernels().colour(planes.first(), 24, out.data());
  EXPECT_GE(out[0], 0.0F);
  for (size_t i = 1; i < 72; ++i) {
    EXPECT_NEAR(static_cast<double>(out[i]), 255 / (1 + std::exp(-planes.get(i % 3, static_cast<ptrdiff_t>(i / 3)))),
                3e-5);
  }
}

// Every kernel at these sizes, margins included, which nobody may write to.
std::vector<float> RunAll(const PlaneKernels& kernels, uint32_t inputs, uint32_t outputs, size_t pixels, bool finite) {
  Input input(inputs, pixels, inputs + pixels);
  if (!finite) {
    input.rows[0].at(0, 0) = Limit::infinity();
    input.rows[1].at(inputs - 1, pixels - 1) = Limit::quiet_NaN();
  }
  std::vector<float> all;
  const auto add = [&all](const Row& row) { all.insert(all.end(), row.data.begin(), row.data.end()); };
  for (const auto& [taps, dilation] : {std::pair(1U, 1U), std::pair(3U, 1U), std::pair(3U, 2U)}) {
    Row out(outputs, pixels);
    kernels.convolve(RandomConv(inputs, outputs, taps, dilation, outputs), input.pointers().data(), pixels,
                     out.first());
    add(out);
  }
  std::array<Row, 2> rows = {Row(outputs, 2 * pixels), Row(outputs, 2 * pixels)};
  const std::array<float*, 2> to = {rows[0].first(), rows[1].first()};
  kernels.convolve_shuffled(RandomConv(inputs, 4 * outputs, 3, 1, outputs + 1), input.pointers().data(), pixels,
                            to.data());
  add(rows[0]);
  const Row near(outputs, pixels, 7, 3.0F), far(outputs, pixels, 8, 3.0F);
  for (Row& row : rows) {
    kernels.add_enlarged_sine(near.first(), far.first(), pixels, outputs, row.first());
    add(row);
  }
  Row sum(outputs, 2 * pixels);
  kernels.add_sine(rows[0].first(), rows[1].first(), 0.1F, outputs * PlanePitch(2 * pixels), sum.first());
  add(sum);
  const Row colours(3, pixels, 9, 5.0F);
  std::vector<float> rgb(3 * pixels);
  kernels.colour(colours.first(), pixels, rgb.data());
  all.insert(all.end(), rgb.begin(), rgb.end());
  return all;
}

std::vector<const PlaneKernels*> VectorTwins() {
  std::vector<const PlaneKernels*> twins;
  for (const PlaneKernels* const kernels : {Avx2PlaneKernels(), Avx512PlaneKernels()}) {
    if (kernels != nullptr) twins.push_back(kernels);
  }
  return twins;
}

TEST(PlaneKernels, TwinsAgreeBitForBit) {
  if (VectorTwins().empty()) GTEST_SKIP() << "no AVX2 here";
  const auto expect_equal = [](uint32_t inputs, uint32_t outputs, size_t pixels, bool finite) {
    const std::vector<float> expected = RunAll(ScalarPlaneKernels(), inputs, outputs, pixels, finite);
    for (const PlaneKernels* const twin : VectorTwins()) {
      EXPECT_EQ(CountDifferent(expected, RunAll(*twin, inputs, outputs, pixels, finite)), 0U)
          << inputs << " " << outputs << " " << pixels;
    }
  };
  for (uint32_t channels = 1; channels <= 40; ++channels) {
    for (const size_t pixels : {8, 16, 24, 32, 40}) {
      expect_equal(channels, 1 + channels * 7 % 40, pixels, channels % 3 != 0);
    }
  }
  for (const bool finite : {true, false}) expect_equal(3, 5, 256, finite);
}

TEST(PlaneKernels, TwinsAgreeOnTheSineOfAnything) {
  if (VectorTwins().empty()) GTEST_SKIP() << "no AVX2 here";
  Random random(1);
  std::vector<float> r = {Limit::quiet_NaN(), Limit::infinity(), -Limit::infinity(), -0.0F};
  while (r.size() < 400000) r.push_back(std::bit_cast<float>(static_cast<uint32_t>(random.Next())));
  const std::vector<float> expected = SineOf(ScalarPlaneKernels(), r);
  for (const PlaneKernels* const twin : VectorTwins()) EXPECT_EQ(CountDifferent(expected, SineOf(*twin, r)), 0U);
}

}  // namespace
}  // namespace kitsink
