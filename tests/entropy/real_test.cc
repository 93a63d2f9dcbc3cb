// Integer arithmetic on real numbers, against double.

#include "kitsink/real.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "testlib.h"

namespace kitsink {
namespace {

using testing::Random;

constexpr int64_t kMost = (int64_t{1} << 61) - 1;

// The value of a Real whose magnitude is near that of `about`.
double ToDouble(Real real, double about) {
  const int bits = about == 0 ? 0 : 40 - std::ilogb(about);
  return std::ldexp(static_cast<double>(real.ToFixed(bits, kMost)), -bits);
}

struct Number {
  Real real;
  double value;
};

// Up to 31 significant bits, which both hold exactly.
Number RandomNumber(Random& random, int exponents) {
  const int64_t mantissa = static_cast<int64_t>(random.Next() >> (33 + random.Below(31)));
  const int64_t value = random.Below(2) == 0 ? mantissa : -mantissa;
  const int exponent = static_cast<int>(random.Below(static_cast<uint32_t>(2 * exponents + 1))) - exponents;
  return {Real(value, exponent), std::ldexp(static_cast<double>(value), exponent)};
}

void ExpectNear(Real got, double expected, double tolerance) {
  EXPECT_LE(std::abs(ToDouble(got, expected) - expected), tolerance) << expected;
}

TEST(Real, FourOperationsMatchDouble) {
  Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    const int exponents = i % 2 == 0 ? 3 : 60;
    const Number a = RandomNumber(random, exponents), b = RandomNumber(random, exponents);
    const double larger = std::max(std::abs(a.value), std::abs(b.value));
    ExpectNear(a.real, a.value, 0);
    ExpectNear(-a.real, -a.value, 0);
    ExpectNear(a.real + b.real, a.value + b.value, larger * 0x1p-30);
    ExpectNear(a.real - b.real, a.value - b.value, larger * 0x1p-30);
    ExpectNear(a.real * b.real, a.value * b.value, std::abs(a.value * b.value) * 0x1p-31);
    if (b.value != 0) ExpectNear(a.real / b.real, a.value / b.value, std::abs(a.value / b.value) * 0x1p-29);
    const Number positive = a.value < 0 ? Number{-a.real, -a.value} : a;
    ExpectNear(positive.real.Sqrt(), std::sqrt(positive.value), std::sqrt(positive.value) * 0x1p-29);
    if (HasFailure()) FAIL() << a.value << ", " << b.value;
  }
}

TEST(Real, OrderMatchesDouble) {
  Random random(2);
  for (int i = 0; i < 100'000; ++i) {
    const Number a = RandomNumber(random, 20);
    const Number b = i % 10 == 0 ? a : RandomNumber(random, 20);
    ASSERT_EQ(a.real < b.real, a.value < b.value) << a.value << ", " << b.value;
    ASSERT_EQ(ToDouble(Max(a.real, b.real), a.value), ToDouble(a.value < b.value ? b.real : a.real, a.value));
    ASSERT_EQ(ToDouble(Min(a.real, b.real), a.value), ToDouble(a.value < b.value ? a.real : b.real, a.value));
    ASSERT_EQ(a.real.positive(), a.value > 0);
    ASSERT_EQ(a.real.zero(), a.value == 0);
  }
}

TEST(Real, FixedPointRoundsDownAndSaturates) {
  Random random(3);
  for (int i = 0; i < 100'000; ++i) {
    const Number a = RandomNumber(random, 40);
    const int bits = static_cast<int>(random.Below(60)) - 30;
    const int64_t most = static_cast<int64_t>(random.Next() >> (3 + random.Below(60))) | 1;
    const double expected =
        std::clamp(std::floor(std::ldexp(a.value, bits)), static_cast<double>(-most), static_cast<double>(most));
    const int64_t got = a.real.ToFixed(bits, most);
    ASSERT_EQ(static_cast<double>(got), expected) << a.value << ", " << bits << " bits, " << most;
    ASSERT_LE(std::abs(got), most);
  }
  EXPECT_EQ(Real(5, -1).ToFixed(0, 100), 2);
  EXPECT_EQ(Real(-5, -1).ToFixed(0, 100), -3);
  EXPECT_EQ(Real(-1, -200).ToFixed(0, 100), -1);
  EXPECT_EQ(Real(1, 200).ToFixed(0, 100), 100);
  EXPECT_EQ(Real(-1, 200).ToFixed(0, 100), -100);
}

TEST(Real, KnownBits) {
  EXPECT_EQ((Real(1) / Real(3)).ToFixed(40, kMost), 0x5555555500);  // 31 bits, rounded down
  EXPECT_EQ((Real(2) / Real(3)).ToFixed(40, kMost), 0xaaaaaaaa00);
  EXPECT_EQ(Real(2).Sqrt().ToFixed(40, kMost), 0x16a09e66000);
  EXPECT_EQ(Real((int64_t{1} << 31) + 1).ToFixed(0, kMost), (int64_t{1} << 31) + 2);  // ties go up
  EXPECT_EQ(Real(-(int64_t{1} << 31) - 1).ToFixed(0, kMost), -(int64_t{1} << 31));
  EXPECT_EQ(Real((int64_t{1} << 32) - 1).ToFixed(0, kMost), int64_t{1} << 32);
  EXPECT_EQ((Real(1, 31) + Real(1)).ToFixed(0, kMost), (int64_t{1} << 31) + 2);
  EXPECT_EQ((Real(1, 62) + Real(1)).ToFixed(-31, kMost), int64_t{1} << 31);
  for (int64_t i = 0; i < 10'000; ++i) ASSERT_EQ(Real(i * i).Sqrt().ToFixed(0, kMost), i);
}

// The sanitizer reports what overflows.
TEST(Real, ExtremesSaturateAndStayDefined) {
  Real large(2), small(1, -1);
  for (int i = 0; i < 40; ++i) {
    large = large * large;
    small = small * small;
  }
  EXPECT_EQ(large.ToFixed(0, kMost), kMost);
  EXPECT_EQ((-large).ToFixed(0, kMost), -kMost);
  EXPECT_EQ(small.ToFixed(30, kMost), 0);
  EXPECT_EQ((-small).ToFixed(30, kMost), -1);
  EXPECT_TRUE(small.positive());
  EXPECT_TRUE(small < large && -large < small);
  const int64_t widest = (int64_t{1} << 62) - 1;
  const Real extremes[] = {
      Real(),        Real(1),          -Real(1),           large, -large, small, -small, Real(widest),
      Real(-widest), Real(1, 1 << 20), Real(1, -(1 << 20))};
  for (const Real a : extremes) {
    for (const Real b : extremes) {
      for (const Real c : {a + b, a - b, a * b, b.zero() ? a : a / b, Max(a, b), Min(a, b)}) {
        EXPECT_LE(std::abs(c.ToFixed(20, kMost)), kMost);
        EXPECT_FALSE((c < Real() ? -c : c).Sqrt() < Real());
        EXPECT_FALSE(c < c);
      }
    }
  }
}

}  // namespace
}  // namespace kitsink
