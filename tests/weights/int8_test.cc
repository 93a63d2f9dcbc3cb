// Tensors of int8 codes: round trip, edges, known bytes, what the model must find.

#include <algorithm>
#include <cmath>

#include "format_testlib.h"
#include "kitsink/hash.h"
#include "kitsink/weights.h"

namespace kitsink {
namespace {

using testing::Random;

using Codes = std::vector<std::vector<int8_t>>;

// A grid, kernels with and without siblings, a matrix, and vectors.
std::vector<Int8Layout> SmallLayouts() {
  std::vector<Int8Layout> layouts = {{96, 5}, {8, 6, 3, 3, 4}, {5, 4, 3, 3}, {7, 6}, {96}, {8}, {1}};
  for (const size_t grid : {0U, 4U}) {
    layouts[grid].grid_height = 6;
    layouts[grid].grid_width = 8;
  }
  return layouts;
}

// Sums of `draws` uniform numbers, which cover all of int8 with one draw.
Codes RandomCodes(std::span<const Int8Layout> layouts, uint64_t seed, int draws) {
  Random random(seed);
  Codes codes;
  for (const Int8Layout& layout : layouts) {
    std::vector<int8_t>& tensor = codes.emplace_back(layout.num_codes());
    for (int8_t& code : tensor) {
      int sum = 0;
      for (int i = 0; i < draws; ++i) sum += static_cast<int>(random.Below(static_cast<uint32_t>(256 / draws)));
      code = static_cast<int8_t>(sum - 128);
    }
  }
  return codes;
}

Bytes Encode(std::span<const Int8Layout> layouts, const Codes& codes) {
  BinaryEncoder coder;
  EncodeInt8Tensors(coder, layouts, codes);
  return coder.Finish();
}

void ExpectSurvives(std::span<const Int8Layout> layouts, const Codes& codes) {
  const Bytes bytes = Encode(layouts, codes);
  std::vector<double> costs(layouts.size());
  for (const std::span<double> bits : {std::span<double>(), std::span(costs)}) {
    BinaryDecoder coder(bytes);
    EXPECT_TRUE(DecodeInt8Tensors(coder, layouts, bits) == codes);
    EXPECT_TRUE(coder.at_end());
  }
  double sum = 0;
  for (const double bits : costs) sum += bits;
  EXPECT_LE(std::abs(sum - 8 * static_cast<double>(bytes.size())), 9);  // the end, to a byte
}

TEST(Int8Tensors, RandomCodesSurvive) {
  const std::vector<Int8Layout> layouts = SmallLayouts();
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (const int draws : {1, 2, 4}) ExpectSurvives(layouts, RandomCodes(layouts, seed, draws));
  }
}

TEST(Int8Tensors, ExtremesSurvive) {
  const std::vector<Int8Layout> layouts = SmallLayouts();
  Codes codes = RandomCodes(layouts, 1, 1);
  for (const int code : {0, 1, -1, 127, -127, -128}) {
    for (auto& tensor : codes) std::ranges::fill(tensor, static_cast<int8_t>(code));
    const Bytes bytes = Encode(layouts, codes);
    EXPECT_LT(bytes.size(), 140U) << code;
    BinaryDecoder coder(bytes);
    EXPECT_TRUE(DecodeInt8Tensors(coder, layouts, {}) == codes);
  }
  Random random(2);
  for (auto& tensor : codes) {
    for (int8_t& code : tensor) code = random.Below(2) == 0 ? int8_t{127} : int8_t{-128};
  }
  ExpectSurvives(layouts, codes);
}

TEST(Int8Tensors, EdgesOfShapesSurvive) {
  const std::vector<std::vector<Int8Layout>> sets = {
      {},
      {{1}},
      {{1, 1, 3, 3, 4}},
      {{4, 1, 5, 1, 4}, {3, 1, 1, 7}},
      {{12, 2, 2, 2, 6}},
      {{300, 1}, {1, 300}},
      {{7, 2, 1, 1, 1, 1, 1}, {5, 1, 1, 1, 1, 3, 2}},
  };
  for (const auto& layouts : sets) {
    const Codes codes = RandomCodes(layouts, 3, 1);
    const Bytes bytes = Encode(layouts, codes);
    BinaryDecoder coder(bytes);
    EXPECT_TRUE(DecodeInt8Tensors(coder, layouts, {}) == codes);
    EXPECT_TRUE(coder.at_end());
  }
}

// A lattice of every second level, and kernels whose taps depend on each other.
TEST(Int8Tensors, StructureIsFound) {
  const std::vector<Int8Layout> layouts = {{64, 16, 3, 3, 4}};
  Codes codes = RandomCodes(layouts, 4, 4);
  const size_t free = Encode(layouts, codes).size();
  for (int8_t& code : codes[0]) code = static_cast<int8_t>(code & ~1);
  EXPECT_LT(Encode(layouts, codes).size(), free - codes[0].size() * 9 / 80);  // a bit of each code
  codes = RandomCodes(layouts, 4, 4);
  for (size_t i = 1; i < codes[0].size(); ++i) {
    if (i % 3 != 0) codes[0][i] = static_cast<int8_t>((codes[0][i] + 3 * codes[0][i - 1]) / 4);
  }
  EXPECT_LT(Encode(layouts, codes).size(), free - codes[0].size() * 10 / 80);
}

TEST(Int8Tensors, KnownBytes) {
  const std::vector<Int8Layout> layouts = SmallLayouts();
  EXPECT_EQ(Sha256Hex(Encode(layouts, RandomCodes(layouts, 5, 3))).substr(0, 16), "062268ea334d8b67");
}

// Any bytes decode to something, in bounds of memory and time.
TEST(Int8Tensors, AnyBytesDecode) {
  const std::vector<Int8Layout> layouts = SmallLayouts();
  Random random(6);
  for (int i = 0; i < 30; ++i) {
    Bytes bytes(random.Below(2000));
    for (uint8_t& byte : bytes) byte = i == 0 ? 0xff : static_cast<uint8_t>(random.Below(256));
    BinaryDecoder coder(bytes);
    const Codes codes = DecodeInt8Tensors(coder, layouts, {});
    ASSERT_EQ(codes.size(), layouts.size());
    for (size_t k = 0; k < codes.size(); ++k) EXPECT_EQ(codes[k].size(), layouts[k].num_codes());
  }
}

}  // namespace
}  // namespace kitsink
