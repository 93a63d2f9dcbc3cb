// The latent vectors: round trip, edges, known bytes, rejection.

#include "codecs/hnerv/latents_section.h"

#include <algorithm>
#include <limits>

#include "codecs/hnerv/scene_testlib.h"
#include "format_testlib.h"
#include "kitsink/hash.h"

namespace kitsink::hnerv {
namespace {

using testing::ExpectDecent;
using testing::Random;
using testing::SmallLatents;

Bytes Encode(const Latents& latents) {
  EXPECT_TRUE(CheckLatents(latents, {}).ok());
  BinaryEncoder coder;
  EncodeLatents(coder, latents);
  return coder.Finish();
}

void ExpectSurvives(const Latents& latents) {
  const Bytes bytes = Encode(latents);
  for (const bool measured : {false, true}) {
    BinaryDecoder coder(bytes);
    std::vector<StreamPart> parts;
    const Result<Latents> decoded = DecodeLatents(coder, latents.dims, {}, measured ? &parts : nullptr);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_TRUE(decoded.value() == latents);
    EXPECT_TRUE(coder.at_end());
    if (measured) {
      ASSERT_EQ(parts.size(), latents.dims + 2U);
      EXPECT_EQ(parts[0].count, latents.num_pairs);
    }
  }
}

TEST(LatentsSection, RandomLatentsSurvive) {
  for (uint64_t seed = 0; seed < 6; ++seed) ExpectSurvives(SmallLatents(20, 7, seed, seed % 2 != 0));
  ExpectSurvives(SmallLatents(600, 3, 7, true));
}

TEST(LatentsSection, EdgesSurvive) {
  for (const bool corrections : {false, true}) {
    ExpectSurvives(SmallLatents(1, 1, 1, corrections));
    ExpectSurvives(SmallLatents(1, 64, 2, corrections));
    ExpectSurvives(SmallLatents(2, 28, 3, corrections));
    ExpectSurvives(SmallLatents(700, 1, 4, corrections));
  }
  Latents latents = SmallLatents(30, 4, 5, true);
  latents.correction_unit = 0.0095F;
  for (const int code : {0, 255}) {
    std::ranges::fill(latents.codes, static_cast<uint8_t>(code));
    ExpectSurvives(latents);
  }
  for (size_t i = 0; i < latents.codes.size(); ++i) latents.codes[i] = i % 3 == 0 ? 255 : 0;
  for (Correction& correction : latents.corrections) correction = {3, -128};
  ExpectSurvives(latents);
  for (Correction& correction : latents.corrections) correction = {};
  ExpectSurvives(latents);
  latents.minimum = {0, 0x8000, 0xfbff, 0x7bff};
  latents.scale = {1, 0x7bff, 0x3ff, 0x400};
  ExpectSurvives(latents);
}

TEST(LatentsSection, KnownBytes) {
  EXPECT_EQ(Sha256Hex(Encode(SmallLatents(40, 9, 6, true))).substr(0, 16), "3ec95b86c1c4a2c7");
}

TEST(LatentsSection, ChecksValues) {
  const Latents good = SmallLatents(5, 3, 8, true);
  ASSERT_TRUE(CheckLatents(good, {}).ok());
  const auto refuses = [&](auto change) {
    Latents latents = good;
    change(latents);
    const Status status = CheckLatents(latents, {});
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kInvalidArgument);
    ExpectDecent(status.error());
  };
  refuses([](Latents& latents) { latents.num_pairs = 0; });
  refuses([](Latents& latents) { latents.num_pairs = 65536; });
  refuses([](Latents& latents) { latents.dims = 65; });
  refuses([](Latents& latents) { latents.codes.pop_back(); });
  refuses([](Latents& latents) { latents.minimum.pop_back(); });
  refuses([](Latents& latents) { latents.minimum[0] = 0x7c00; });
  refuses([](Latents& latents) { latents.scale[1] = 0xfe00; });
  refuses([](Latents& latents) { latents.corrections.pop_back(); });
  refuses([](Latents& latents) { latents.corrections[0] = {3, 1}; });
  refuses([](Latents& latents) { latents.corrections[0] = {0, 0}; });
  refuses([](Latents& latents) { latents.corrections[0] = {Correction::kNone, 1}; });
  refuses([](Latents& latents) { latents.correction_unit = std::numeric_limits<float>::infinity(); });
}

TEST(LatentsSection, RejectsTooManyPairs) {
  const Bytes bytes = Encode(SmallLatents(30, 2, 9, false));
  BinaryDecoder coder(bytes);
  Limits limits;
  limits.max_pairs = 29;
  const Result<Latents> decoded = DecodeLatents(coder, 2, limits, nullptr);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, Code::kLimit);
  EXPECT_EQ(decoded.error().message, "latents: declared 30 pairs, limit 29");
}

// Without a checksum a damaged stream may decode, but only to values in range.
TEST(LatentsSection, DamageIsRefusedOrDecodesInRange) {
  const Bytes whole = Encode(SmallLatents(12, 4, 10, true));
  Random random(10);
  Limits limits;
  limits.max_pairs = 50;
  for (int i = 0; i < 400; ++i) {
    Bytes bytes = whole;
    if (i % 2 == 0) bytes.resize(random.Below(static_cast<uint32_t>(whole.size())));
    if (i % 2 != 0)
      bytes[random.Below(static_cast<uint32_t>(whole.size()))] ^= static_cast<uint8_t>(random.Below(255) + 1);
    BinaryDecoder coder(bytes);
    const Result<Latents> decoded = DecodeLatents(coder, 4, limits, nullptr);
    if (decoded.ok()) {
      EXPECT_TRUE(CheckLatents(decoded.value(), limits).ok());
    } else {
      ExpectDecent(decoded.error());
    }
  }
}

}  // namespace
}  // namespace kitsink::hnerv
