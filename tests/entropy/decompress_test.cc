// Brotli and LZMA streams: round trip, bounds, rejection.

#include "compressors.h"
#include "format_testlib.h"
#include "kitsink/brotli.h"
#include "kitsink/lzma.h"

namespace kitsink {
namespace {

using testing::Random;

// Text-like bytes, which compress to about half.
Bytes Sample(size_t count, uint64_t seed) {
  Bytes bytes = Random(seed).Bytes(count);
  for (uint8_t& byte : bytes) byte &= 0x4f;
  return bytes;
}

TEST(Brotli, SurvivesAndSaysWhereItEnds) {
  for (const size_t count : {0, 1, 1000, 100'000}) {
    const Bytes sample = Sample(count, count);
    Bytes stream = testing::Brotli(sample);
    const size_t size = stream.size();
    stream.insert(stream.end(), {1, 2, 3});
    const Result<Decompressed> result = DecompressBrotli(stream, count);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result.value().bytes, sample);
    EXPECT_EQ(result.value().read_bytes, size);
  }
}

TEST(Brotli, BoundsItsOutput) {
  const Bytes stream = testing::Brotli(Bytes(1 << 20, 7));
  EXPECT_LT(stream.size(), 100U);
  EXPECT_EQ(DecompressBrotli(stream, (1 << 20) - 1).error().message, "brotli: decompresses to more than 1048575 bytes");
  EXPECT_EQ(DecompressBrotli(stream, 0).error().code, Code::kLimit);
}

TEST(Brotli, RejectsCutsAndNoise) {
  const Bytes stream = testing::Brotli(Sample(500, 1));
  for (size_t size = 0; size < stream.size(); ++size) {
    const auto result = DecompressBrotli(std::span(stream).first(size), 500);
    ASSERT_FALSE(result.ok()) << size;
    EXPECT_EQ(result.error().message, "brotli: ends early, at byte " + std::to_string(size));
  }
  const Bytes noise(100, 0xff);
  EXPECT_EQ(DecompressBrotli(noise, 1000).error().code, Code::kCorrupt);
}

TEST(Lzma, Survives) {
  for (const size_t count : {1, 1000, 20'000}) {
    for (const LzmaSettings& settings : {LzmaSettings(), LzmaSettings{1 << 16, 0, 2, 2}}) {
      const Bytes sample = Sample(count, count);
      const Result<Bytes> result = DecompressLzma(testing::Lzma(sample, settings), settings, count);
      ASSERT_TRUE(result.ok()) << result.error().message;
      EXPECT_EQ(result.value(), sample);
    }
  }
}

TEST(Lzma, RejectsOtherSizesCutsAndBytesLeftOver) {
  const Bytes stream = testing::Lzma(Sample(500, 1));
  testing::ExpectRejectsWrongLengths(stream,
                                     [](std::span<const uint8_t> bytes) { return DecompressLzma(bytes, {}, 500); });
  EXPECT_FALSE(DecompressLzma(stream, {}, 499).ok());
  EXPECT_FALSE(DecompressLzma(stream, {}, 501).ok());
  EXPECT_FALSE(DecompressLzma(Bytes(100, 0xff), {}, 500).ok());
}

}  // namespace
}  // namespace kitsink
