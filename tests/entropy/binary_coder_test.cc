// The binary coder: round trip, length, known bytes, rejection of every other stream.

#include "kitsink/binary_coder.h"

#include <cmath>
#include <vector>

#include "testlib.h"

namespace kitsink {
namespace {

using testing::Random;

struct Decision {
  bool bit;
  uint32_t p_one;
};

constexpr uint32_t kExtremes[] = {0, 1, 1U << 31, UINT32_MAX - 1, UINT32_MAX};

uint32_t RandomProbability(Random& random) {
  return random.Below(4) == 0 ? kExtremes[random.Below(5)] : static_cast<uint32_t>(random.Next() >> 32);
}

std::vector<Decision> RandomDecisions(uint64_t seed, size_t count) {
  Random random(seed);
  std::vector<Decision> decisions;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t p_one = RandomProbability(random);
    // Mostly the likely bit, so that runs without output occur.
    decisions.push_back({random.Below(8) == 0 ? random.Below(2) == 0 : p_one >= 1U << 31, p_one});
  }
  return decisions;
}

Bytes Encode(const std::vector<Decision>& decisions) {
  BinaryEncoder coder;
  for (const Decision& decision : decisions) coder.Code(decision.bit ? 1 : 0, decision.p_one);
  return coder.Finish();
}

TEST(BinaryCoder, ReturnsRandomDecisions) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const std::vector<Decision> decisions = RandomDecisions(seed, seed);
    const Bytes bytes = Encode(decisions);
    BinaryDecoder coder(bytes);
    for (const Decision& decision : decisions) ASSERT_EQ(coder.Code(0, decision.p_one) != 0, decision.bit) << seed;
    EXPECT_TRUE(coder.at_end()) << seed;
    EXPECT_EQ(coder.unread(), 0U) << seed;
  }
}

TEST(BinaryCoder, CodesNearTheEntropy) {
  Random random(1);
  std::vector<Decision> decisions;
  for (int i = 0; i < 50'000; ++i) decisions.push_back({random.Below(20) == 0, UINT32_MAX / 20});
  EXPECT_NEAR(static_cast<double>(Encode(decisions).size()), 50'000 * 0.2864 / 8, 50'000 * 0.2864 / 8 * 0.02);
}

TEST(BinaryCoder, KnownBytes) {
  EXPECT_EQ(Encode({}), Bytes());
  EXPECT_EQ(Encode({{true, 1U << 31}}), Bytes());
  EXPECT_EQ(Encode({{false, 1U << 31}}), Bytes({0x80}));
  EXPECT_EQ(Encode({{false, 1U << 30}, {true, 1U << 31}, {false, 3U << 30}}), Bytes({0x88}));
}

// Any bytes decode to some decisions. at_end() holds for those bytes alone that these decisions are encoded as.
TEST(BinaryCoder, EndsOnlyAtTheEncodersBytes) {
  uint64_t ends = 0;
  const auto check = [&ends](const Bytes& bytes, std::vector<Decision> decisions) {
    BinaryDecoder coder(bytes);
    for (Decision& decision : decisions) decision.bit = coder.Code(0, decision.p_one) != 0;
    const Bytes again = Encode(decisions);
    ASSERT_EQ(coder.at_end(), again == bytes) << "bytes " << bytes.size() << ", encoder's " << again.size();
    ends += coder.at_end() ? 1 : 0;
  };
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::vector<Decision> decisions = RandomDecisions(seed, seed % 100);
    const Bytes bytes = Encode(decisions);
    check(bytes, decisions);
    for (size_t i = 0; i < bytes.size(); ++i) {
      check(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(i)), decisions);
      for (int bit = 0; bit < 8; ++bit) {
        Bytes damaged = bytes;
        damaged[i] = static_cast<uint8_t>(damaged[i] ^ 1 << bit);
        check(damaged, decisions);
      }
    }
    for (const uint8_t extra : std::initializer_list<uint8_t>{0x00, 0x01, 0x80, 0xff}) {
      Bytes longer = bytes;
      longer.push_back(extra);
      check(longer, decisions);
      longer.resize(longer.size() + 9, extra);
      check(longer, decisions);
    }
  }
  EXPECT_GE(ends, 200U);
}

// A stream of ones is nothing but zeros, and all of them are left out.
TEST(BinaryCoder, ARunOfOnesTakesNoBytes) {
  const std::vector<Decision> ones(1000, Decision{true, 1U << 31});
  EXPECT_EQ(Encode(ones), Bytes());
  BinaryDecoder coder({});
  for (const Decision& decision : ones) ASSERT_EQ(coder.Code(0, decision.p_one), 1);
  EXPECT_TRUE(coder.at_end());
}

// A whole stream keeps the zero bytes of such a run, so that a decoder can tell a cut.
TEST(BinaryCoder, AWholeStreamKeepsWhatADecoderReads) {
  for (const uint32_t p_one : {1U << 31, 3U << 30, ~0U >> 4}) {
    for (const int ones : {0, 1, 70, 300, 3000}) {
      BinaryEncoder encoder;
      encoder.Code(0, 1U << 31);
      for (int i = 0; i < ones; ++i) encoder.Code(1, p_one);
      const Bytes whole = encoder.FinishWhole();
      const auto ends_early = [&](std::span<const uint8_t> bytes) {
        BinaryDecoder decoder(bytes);
        EXPECT_EQ(decoder.Code(0, 1U << 31), 0);
        for (int i = 0; i < ones; ++i) EXPECT_EQ(decoder.Code(0, p_one), 1);
        return decoder.failed();
      };
      EXPECT_FALSE(ends_early(whole)) << ones;
      if (whole.size() <= 9) continue;
      EXPECT_TRUE(ends_early(std::span(whole).first(whole.size() - 9))) << ones;
    }
  }
}

TEST(BinaryCoder, NoticesThatTheStreamIsTooShort) {
  Random random(5);
  const Bytes bytes = random.Bytes(20);
  BinaryDecoder coder(bytes);
  int count = 0;
  while (!coder.failed() && count < 1000) {
    coder.Code(0, 1U << 31);
    ++count;
  }
  EXPECT_GE(count, 8 * 20);
  EXPECT_LE(count, 8 * 30);
}

}  // namespace
}  // namespace kitsink
