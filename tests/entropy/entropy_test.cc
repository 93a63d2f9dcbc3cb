// Tests of the range coder, adaptive bits, bit fields and half precision.

#include <bit>
#include <cmath>

#include "format_testlib.h"
#include "kitsink/adaptive_bit.h"
#include "kitsink/bit_io.h"
#include "kitsink/half.h"
#include "kitsink/range_coder.h"

namespace kitsink {
namespace {

using testing::Random;

struct Symbol {
  uint32_t first, last, total;
};

std::vector<Symbol> RandomSymbols(uint64_t seed, size_t count) {
  Random random(seed);
  std::vector<Symbol> symbols;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t total = 1 + random.Below(random.Below(4) == 0 ? kMaxRangeTotal : 8);
    const uint32_t first = random.Below(3) == 0 ? total - 1 : random.Below(total);
    symbols.push_back({first, first + 1 + random.Below(total - first), total});
  }
  return symbols;
}

Bytes EncodeSymbols(const std::vector<Symbol>& symbols) {
  RangeEncoder coder;
  for (const Symbol& symbol : symbols) coder.Encode(symbol.first, symbol.last, symbol.total);
  return coder.Finish();
}

Status DecodeSymbols(std::span<const uint8_t> bytes, const std::vector<Symbol>& symbols) {
  RangeDecoder coder(bytes);
  for (const Symbol& symbol : symbols) {
    const uint32_t target = coder.Target(symbol.total);
    if (target < symbol.first || target >= symbol.last) return Error{Code::kCorrupt, "test: another symbol"};
    coder.Advance(symbol.first, symbol.last, symbol.total);
  }
  return coder.Finish("test");
}

TEST(RangeCoder, ReturnsRandomSymbolsOfAllTotals) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const std::vector<Symbol> symbols = RandomSymbols(seed, seed);
    const Status status = DecodeSymbols(EncodeSymbols(symbols), symbols);
    ASSERT_TRUE(status.ok()) << status.error().message << ", seed " << seed;
  }
}

TEST(RangeCoder, LongRunOfPendingBits) {
  // [1, 2) of 3 straddles the middle each time, so the top bit stays pending.
  const std::vector<Symbol> symbols(5000, Symbol{1, 2, 3});
  const Bytes bytes = EncodeSymbols(symbols);
  EXPECT_NEAR(static_cast<double>(bytes.size()), 5000 * std::log2(3) / 8, 1.5);
  EXPECT_TRUE(DecodeSymbols(bytes, symbols).ok());
}

TEST(RangeCoder, KnownBytes) {
  EXPECT_EQ(EncodeSymbols({}), Bytes({0x40}));
  EXPECT_EQ(EncodeSymbols({{0, 1, 2}, {1, 2, 2}, {1, 2, 2}}), Bytes({0x68}));
  EXPECT_EQ(EncodeSymbols({{3, 4, 4}, {0, 1, 10}}), Bytes({0xc2}));
}

TEST(RangeCoder, AcceptsOnlyTheEncodersBytes) {
  const std::vector<Symbol> symbols(40, Symbol{0, 3, 7});
  const Bytes bytes = EncodeSymbols(symbols);
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes damaged = bytes;
      damaged[i] = static_cast<uint8_t>(damaged[i] ^ 1 << bit);
      EXPECT_FALSE(DecodeSymbols(damaged, symbols).ok()) << i << " " << bit;
    }
    EXPECT_FALSE(DecodeSymbols(std::span(bytes).first(i), symbols).ok());
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(DecodeSymbols(longer, symbols).ok());
}

TEST(RangeCoder, NoticesExhaustion) {
  const Bytes bytes = {0x12};
  RangeDecoder coder(bytes);
  EXPECT_FALSE(coder.exhausted());
  for (int i = 0; i < 64; ++i) coder.Advance(coder.Target(2), coder.Target(2) + 1, 2);
  EXPECT_TRUE(coder.exhausted());
}

TEST(AdaptiveBit, CodesSkewedBitsNearTheirEntropy) {
  Random random(3);
  std::vector<bool> bits;
  for (int i = 0; i < 20000; ++i) bits.push_back(random.Below(20) == 0);
  RangeEncoder range;
  BitEncoder encoder(range);
  AdaptiveBit model;
  for (const bool bit : bits) encoder.Code(model, bit);
  encoder.CodeRaw(0xabcd1234, 32);
  const Bytes bytes = range.Finish();
  // Entropy of 5 %: 0.2864 bits.
  EXPECT_LT(bytes.size(), 20000 * 0.2864 / 8 * 1.03);
  RangeDecoder reverse(bytes);
  BitDecoder decoder(reverse);
  AdaptiveBit other;
  for (const bool bit : bits) ASSERT_EQ(decoder.Code(other, false), bit);
  EXPECT_EQ(decoder.CodeRaw(0, 32), 0xabcd1234U);
  EXPECT_TRUE(reverse.Finish("test").ok());
}

TEST(BitIo, PacksFromTheLowestBit) {
  BitWriter writer;
  writer.Write(5, 3);
  writer.Write(0, 3);
  writer.Write(7, 3);
  writer.Write(0xdeadbeef, 32);
  const Bytes bytes = writer.Take();
  EXPECT_EQ(bytes.size(), 6U);
  EXPECT_EQ(bytes[0], 0xc5);
  BitReader reader(bytes);
  EXPECT_EQ(reader.Read(3), 5U);
  EXPECT_EQ(reader.Read(3), 0U);
  EXPECT_EQ(reader.Read(3), 7U);
  EXPECT_EQ(reader.Read(32), 0xdeadbeefU);
  EXPECT_TRUE(reader.Finish("test").ok());
}

TEST(BitIo, RejectsPaddingAndWrongLengths) {
  const Bytes padded = {0x0f};
  BitReader reader(padded);
  EXPECT_EQ(reader.Read(3), 7U);
  EXPECT_EQ(reader.Finish("test").error().message, "test: padding bits are not zero, at byte 0");
  BitReader past(padded);
  EXPECT_EQ(past.Read(9), 0x0fU);
  EXPECT_EQ(past.Finish("test").error().code, Code::kCorrupt);
  const Bytes two = {1, 0};
  BitReader early(two);
  early.Read(8);
  EXPECT_FALSE(early.Finish("test").ok());
}

TEST(Half, AllPatternsSurviveAndTiesGoToEven) {
  for (uint32_t pattern = 0; pattern < 65536; ++pattern) {
    const float value = HalfToFloat(static_cast<uint16_t>(pattern));
    if (std::isnan(value)) continue;
    ASSERT_EQ(FloatToHalf(value), pattern);
    // Halfway to the next pattern rounds to the even one of the two.
    if ((pattern & 0x7fff) >= 0x7bff) continue;
    const float middle = (value + HalfToFloat(static_cast<uint16_t>(pattern + 1))) / 2;
    ASSERT_EQ(FloatToHalf(middle), pattern + pattern % 2);
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, 0.0F)), pattern);
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, value < 0 || pattern >= 0x8000 ? -1e9F : 1e9F)), pattern + 1);
  }
  EXPECT_EQ(FloatToHalf(65519.0F), 0x7bff);
  EXPECT_EQ(FloatToHalf(65520.0F), 0x7c00);
  EXPECT_EQ(FloatToHalf(1e30F), 0x7c00);
  EXPECT_EQ(FloatToHalf(-1e-30F), 0x8000);
  EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(std::nanf("")))));
}

}  // namespace
}  // namespace kitsink
