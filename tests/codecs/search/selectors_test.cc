// Stream r: round trip, known bytes, rejection, and the effects of codes.

#include "codecs/search/selectors.h"

#include "format_testlib.h"
#include "kitsink/hash.h"
#include "kitsink/random.h"

namespace kitsink::search {
namespace {

using testing::Random;

Tail RandomTail(TailKind kind, size_t count, uint64_t seed) {
  Random random(seed);
  Tail tail{kind, {}};
  for (size_t i = 0; i < count; ++i) tail.codes.push_back(static_cast<uint8_t>(random.Below(1U << TailBits(kind))));
  return tail;
}

SelectorTable ContestTable() {
  return {{RandomTail(TailKind::kStartSeed, 600, 1), RandomTail(TailKind::kPoseFactor, 600, 2),
           RandomTail(TailKind::kLossControl, 100, 3)}};
}

Bytes WithTag(std::string_view tag, std::initializer_list<uint8_t> rest) {
  ByteWriter writer;
  writer.Append(std::span(reinterpret_cast<const uint8_t*>(tag.data()), tag.size()));
  for (const uint8_t byte : rest) writer.U8(byte);
  return writer.Take();
}

Error DecodeError(const Bytes& bytes) {
  const Result<SelectorTable> table = DecodeSelectors(bytes, Limits{});
  return table.ok() ? Error{Code::kInternal, "decoded"} : table.error();
}

TEST(Selectors, TablesSurvive) {
  EXPECT_EQ(EncodeSelectors({}).value(), Bytes{});
  EXPECT_EQ(DecodeSelectors({}, Limits{}).value(), SelectorTable{});
  for (const size_t count : {1U, 2U, 3U, 7U, 8U, 9U, 65535U}) {
    for (const TailKind kind : {TailKind::kStartSeed, TailKind::kPoseFactor, TailKind::kLossControl}) {
      const SelectorTable table{{RandomTail(kind, count, count)}};
      EXPECT_EQ(DecodeSelectors(EncodeSelectors(table).value(), Limits{}).value(), table);
    }
  }
  EXPECT_EQ(DecodeSelectors(EncodeSelectors(ContestTable()).value(), Limits{}).value(), ContestTable());
}

TEST(Selectors, ContestSizes) {
  EXPECT_EQ(EncodeSelectors({{RandomTail(TailKind::kStartSeed, 600, 1)}}).value().size(), 307U);
  EXPECT_EQ(EncodeSelectors({{RandomTail(TailKind::kPoseFactor, 600, 1)}}).value().size(), 232U);
  EXPECT_EQ(EncodeSelectors({{RandomTail(TailKind::kLossControl, 100, 1)}}).value().size(), 45U);
}

TEST(Selectors, FindReturnsTheTailOrNothing) {
  const SelectorTable table{{RandomTail(TailKind::kPoseFactor, 5, 1)}};
  EXPECT_EQ(table.Find(TailKind::kPoseFactor), &table.tails[0]);
  EXPECT_EQ(table.Find(TailKind::kStartSeed), nullptr);
}

TEST(Selectors, KnownBytes) {
  const SelectorTable table{{Tail{TailKind::kPoseFactor, {1, 2, 7}}}};
  EXPECT_EQ(EncodeSelectors(table).value(), WithTag("PSEL3", {3, 0, 0xd1, 0x01}));
}

TEST(Selectors, GoldenStream) {
  const Bytes stream = EncodeSelectors(ContestTable()).value();
  testing::ExpectGolden("selectors.bin", stream);
  Bytes codes;
  const SelectorTable decoded = DecodeSelectors(stream, Limits{}).value();
  for (const Tail& tail : decoded.tails) {
    codes.insert(codes.end(), tail.codes.begin(), tail.codes.end());
  }
  EXPECT_EQ(Sha256Hex(codes), "d3c149f7955582b98934038484d1623d18ae19ad6041141e3660b4260963ac9a");
}

TEST(Selectors, CodesMeanWhatTheFormatSays) {
  const StartPattern pattern = StartPatternOf(5);
  EXPECT_EQ(pattern.rows, 24U);
  EXPECT_EQ(pattern.columns, 32U);
  EXPECT_EQ(pattern.amplitude, 2);
  ASSERT_EQ(pattern.signs.size(), 3U * 24 * 32);
  const uint64_t bits = SplitMix64(5).Next();
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(pattern.signs[i], (bits >> i & 1) != 0 ? 1 : -1) << i;
  EXPECT_EQ(StartPatternOf(15).rows, 384U);
  EXPECT_EQ(PoseFactorOf(0), 1);
  EXPECT_EQ(PoseFactorOf(7), 2);
  EXPECT_EQ(LossFactorsOf(6, 0, 80).pose, 8);
  EXPECT_EQ(LossFactorsOf(7, 39, 80).pose, 0);
  EXPECT_EQ(LossFactorsOf(7, 40, 80).seg, 0);
  const SelectorTable table{{Tail{TailKind::kStartSeed, {1, 2, 3, 4, 5, 6, 7}}, Tail{TailKind::kLossControl, {3, 4}}}};
  EXPECT_EQ(table.CodeOf(TailKind::kStartSeed, 6), 7);
  EXPECT_EQ(table.CodeOf(TailKind::kPoseFactor, 6), 0);
  EXPECT_EQ(table.CodeOf(TailKind::kLossControl, 5), 3);
  EXPECT_EQ(table.CodeOf(TailKind::kLossControl, 6), 4);
}

TEST(Selectors, EncodingRefusesBadTables) {
  EXPECT_EQ(EncodeSelectors({{Tail{TailKind::kPoseFactor, {8}}}}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(EncodeSelectors({{Tail{TailKind::kPoseFactor, {}}}}).error().code, Code::kInvalidArgument);
  const Tail seed{TailKind::kStartSeed, {1}}, factor{TailKind::kPoseFactor, {1}};
  EXPECT_EQ(EncodeSelectors({{factor, seed}}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(EncodeSelectors({{seed, seed}}).error().code, Code::kInvalidArgument);
}

TEST(Selectors, RejectsEveryWrongField) {
  EXPECT_EQ(DecodeError(WithTag("XSEL3", {1, 0, 1})).message, "selectors: unknown tail \"XSEL3\", at byte 0");
  EXPECT_EQ(DecodeError(WithTag("PSEL3", {1, 0, 9})).message, "selectors: PSEL3: padding bits are not zero, at byte 0");
  EXPECT_EQ(DecodeError(WithTag("PSEL3", {0, 0})).message,
            "selectors: PSEL3: declared 0 codes, expected at least 1, at byte 0");
  EXPECT_EQ(DecodeError(WithTag("PSEL3", {1, 0, 1, 0})).message, "selectors: ends early, at byte 9");
  const Bytes one = WithTag("PSEL3", {1, 0, 1});
  Bytes twice = one;
  twice.insert(twice.end(), one.begin(), one.end());
  EXPECT_EQ(DecodeError(twice).message,
            "selectors: PSEL3: comes after PSEL3, expected each kind at most once and in order, at byte 8");
  Limits limits;
  limits.max_pairs = 2;
  EXPECT_EQ(DecodeSelectors(WithTag("PSEL3", {3, 0, 1, 0}), limits).error().code, Code::kLimit);
  testing::ExpectRejectsWrongLengths(one, [](auto bytes) {
    return bytes.empty() ? Result<SelectorTable>(Error{Code::kCorrupt, "selectors: an empty stream is a table"})
                         : DecodeSelectors(bytes, Limits{});
  });
}

}  // namespace
}  // namespace kitsink::search
