// Tables of numbers: round trip of every kind, edges, lengths, known bytes, damage.

#include "kitsink/number_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>

#include "kitsink/half.h"
#include "kitsink/hash.h"
#include "testlib.h"

namespace kitsink {
namespace {

using testing::Random;

struct Table {
  TableShape shape;
  std::vector<int32_t> values;
};

TableShape Track(uint32_t rows, uint32_t columns) { return {TableKind::kTrack, rows, columns}; }
TableShape Grid(uint32_t lines, uint32_t width, uint32_t columns) {
  return {TableKind::kGrid, lines * width, columns, width};
}
TableShape Halves(uint32_t rows, uint32_t columns) { return {TableKind::kHalves, rows, columns}; }

using Value = std::function<int32_t(uint32_t row, uint32_t column)>;
Table MakeTable(const TableShape& shape, const Value& value) {
  Table table{shape, {}};
  for (uint32_t row = 0; row < shape.num_rows; ++row) {
    for (uint32_t column = 0; column < shape.num_columns; ++column) table.values.push_back(value(row, column));
  }
  return table;
}

// Uniform in -most .. most.
int32_t Symmetric(Random& random, int32_t most) {
  return static_cast<int32_t>(random.Below(2 * static_cast<uint32_t>(most) + 1)) - most;
}

int32_t FiniteHalf(Random& random) { return static_cast<int32_t>(random.Below(0x7c00) | random.Below(2) << 15); }

Bytes Encode(const Table& table) {
  BinaryEncoder coder;
  EncodeTable(coder, table.shape, table.values);
  return coder.Finish();
}

// The table comes back, with other decisions around it, and its columns' bits add up to the stream.
void ExpectSurvives(const Table& table, const std::string& what) {
  SCOPED_TRACE(what);
  BinaryEncoder encoder;
  encoder.Code(1, 12345);
  EncodeTable(encoder, table.shape, table.values);
  encoder.Code(0, 1U << 31);  // so that the code does not end with zeros, which take no bytes
  const Bytes bytes = encoder.Finish();
  BinaryDecoder decoder(bytes);
  std::vector<double> bits(table.shape.num_columns);
  EXPECT_EQ(decoder.Code(0, 12345), 1);
  EXPECT_TRUE(DecodeTable(decoder, table.shape, bits) == table.values);
  EXPECT_EQ(decoder.Code(0, 1U << 31), 0);
  EXPECT_TRUE(decoder.at_end());
  // 19 bits and the end besides, and up to 5 + 5 + 1 bits for what is sent about each column.
  const double rest = 8.0 * static_cast<double>(bytes.size()) - std::accumulate(bits.begin(), bits.end(), 0.0);
  EXPECT_GE(rest, 19);
  EXPECT_LE(rest, 19 + 16 + 13.0 * table.shape.num_columns);
}

// The same, and alone.
void ExpectSurvivesAlone(const Table& table, const std::string& what) {
  ExpectSurvives(table, what);
  SCOPED_TRACE(what);
  const Bytes bytes = Encode(table);
  BinaryDecoder coder(bytes);
  EXPECT_TRUE(DecodeTable(coder, table.shape, {}) == table.values);
  EXPECT_TRUE(coder.at_end());
}

TEST(NumberTable, RandomTablesSurvive) {
  Random random(1);
  for (uint32_t i = 0; i < 60; ++i) {
    const uint32_t columns = 1 + random.Below(6);
    const int32_t most = 1 << random.Below(20);
    const Value integer = [&](uint32_t, uint32_t) { return Symmetric(random, most); };
    ExpectSurvivesAlone(MakeTable(Track(1 + random.Below(40), columns), integer), "track");
    ExpectSurvivesAlone(MakeTable({TableKind::kVectors, 1 + random.Below(40), columns}, integer), "vectors");
    ExpectSurvivesAlone(MakeTable(Grid(1 + random.Below(8), 1 + random.Below(8), columns), integer), "grid");
    ExpectSurvivesAlone(MakeTable(Halves(1 + random.Below(40), columns),
                                  [&](uint32_t, uint32_t) {
                                    return i % 2 == 0
                                               ? FiniteHalf(random)
                                               : FloatToHalf(std::ldexp(static_cast<float>(Symmetric(random, 99)), -9));
                                  }),
                        "halves");
  }
}

TEST(NumberTable, EdgesSurvive) {
  Random random(2);
  const std::vector<std::pair<const char*, Value>> fills = {
      {"zeros", [](uint32_t, uint32_t) { return 0; }},
      {"one value", [](uint32_t, uint32_t) { return 777; }},
      {"largest", [](uint32_t, uint32_t) { return kMaxTableInteger; }},
      {"smallest", [](uint32_t, uint32_t) { return -kMaxTableInteger; }},
      {"both extremes",
       [&](uint32_t, uint32_t) { return random.Below(2) == 0 ? kMaxTableInteger : -kMaxTableInteger; }},
      {"alternating extremes",
       [](uint32_t row, uint32_t) { return row % 2 == 0 ? kMaxTableInteger : -kMaxTableInteger; }},
      {"rare extreme", [](uint32_t row, uint32_t) { return row == 20 ? -kMaxTableInteger : 0; }},
      {"trailing zeros", [&](uint32_t, uint32_t column) { return Symmetric(random, 50) * (1 << column % 14); }},
      {"only negatives", [&](uint32_t, uint32_t) { return -1 - static_cast<int32_t>(random.Below(9)); }},
      {"ones", [&](uint32_t, uint32_t) { return Symmetric(random, 1); }},
      {"correlated",
       [&](uint32_t row, uint32_t column) {
         return static_cast<int32_t>(row * (column + 1) * 7) + Symmetric(random, 2);
       }},
  };
  for (const auto& [name, fill] : fills) {
    ExpectSurvivesAlone(MakeTable(Track(1, 1), fill), std::string(name) + ", one number");
    ExpectSurvivesAlone(MakeTable(Track(1, 9), fill), std::string(name) + ", one row");
    ExpectSurvivesAlone(MakeTable(Track(50, 1), fill), std::string(name) + ", one column");
    ExpectSurvivesAlone(MakeTable(Grid(50, 1, 2), fill), std::string(name) + ", grid of width 1");
    ExpectSurvivesAlone(MakeTable(Grid(1, 50, 2), fill), std::string(name) + ", grid of one line");
    ExpectSurvivesAlone(MakeTable(Grid(7, 9, 15), fill), std::string(name) + ", grid");
  }
  ExpectSurvivesAlone({Track(0, 3), {}}, "no rows");
  ExpectSurvivesAlone({Track(3, 0), {}}, "no columns");
}

TEST(NumberTable, EdgesOfHalvesSurvive) {
  Random random(3);
  const std::vector<std::pair<const char*, Value>> fills = {
      {"zeros", [](uint32_t, uint32_t) { return 0; }},
      {"negative zeros", [](uint32_t, uint32_t) { return 0x8000; }},
      {"both zeros", [&](uint32_t, uint32_t) { return random.Below(2) == 0 ? 0x8000 : 0; }},
      {"ones", [](uint32_t, uint32_t) { return int32_t{kHalfOne}; }},
      {"subnormals",
       [&](uint32_t, uint32_t) { return static_cast<int32_t>(random.Below(1024) | random.Below(2) << 15); }},
      {"largest", [](uint32_t, uint32_t) { return 0x7bff; }},
      {"smallest", [](uint32_t, uint32_t) { return 0xfbff; }},
      {"extremes",
       [&](uint32_t, uint32_t) { return std::array{0x7bff, 0xfbff, 1, 0x8001, 0, 0x8000}[random.Below(6)]; }},
      {"coarse", [&](uint32_t, uint32_t) { return FiniteHalf(random) & 0xfc00; }},
      {"powers", [](uint32_t row, uint32_t) { return static_cast<int32_t>(row % 31 << 10); }},
      {"anything", [&](uint32_t, uint32_t) { return FiniteHalf(random); }},
      // The caller refuses these, but they are coded.
      {"not finite", [&](uint32_t, uint32_t) { return static_cast<int32_t>(random.Below(0x10000)); }},
  };
  for (const auto& [name, fill] : fills) {
    ExpectSurvivesAlone(MakeTable(Halves(1, 1), fill), std::string(name) + ", one number");
    ExpectSurvivesAlone(MakeTable(Halves(1, 9), fill), std::string(name) + ", one row");
    ExpectSurvivesAlone(MakeTable(Halves(60, 1), fill), std::string(name) + ", one column");
    ExpectSurvivesAlone(MakeTable(Halves(40, 10), fill), std::string(name) + ", records");
  }
}

TEST(NumberTable, MostColumnsSurvive) {
  Random random(9);
  const Value integer = [&](uint32_t row, uint32_t column) {
    return static_cast<int32_t>(row * column) + (row == 5 ? Symmetric(random, kMaxTableInteger - 9999) : 0);
  };
  ExpectSurvives(MakeTable(Track(20, kMaxTableColumns), integer), "track");
  ExpectSurvives(MakeTable(Grid(4, 5, kMaxTableColumns), integer), "grid");
  ExpectSurvives(MakeTable(Halves(40, kMaxTableColumns), [&](uint32_t, uint32_t) { return FiniteHalf(random); }),
                 "halves");
}

TEST(NumberTable, EveryHalfSurvives) {
  ExpectSurvives(MakeTable(Halves(0x10000 / 8, 8),
                           [](uint32_t row, uint32_t column) {
                             return static_cast<int32_t>((row * 8 + column) * 40503 % 0x10000);
                           }),
                 "all patterns");
}

// What a column tells about another makes the table smaller.
TEST(NumberTable, DependentColumnsCostLess) {
  const auto size = [](const TableShape& shape, bool dependent) {
    Random random(4);
    std::vector<int32_t> base;
    Table table{shape, {}};
    for (uint32_t row = 0; row < shape.num_rows; ++row) {
      const int32_t common = Symmetric(random, 1000);
      for (uint32_t column = 0; column < shape.num_columns; ++column) {
        const int32_t own = Symmetric(random, 1000), noise = Symmetric(random, 10);
        const int32_t value = dependent ? common + noise : own;
        table.values.push_back(shape.kind == TableKind::kHalves ? FloatToHalf(static_cast<float>(value) / 64) : value);
      }
    }
    return static_cast<double>(Encode(table).size());
  };
  // 11 bits against some 7 in all columns but the first.
  for (const TableShape& shape : {Track(400, 4), Grid(20, 20, 4)}) {
    const double independent = size(shape, false);
    EXPECT_LT(independent, 400 * 4 * 11.3 / 8);
    EXPECT_LT(size(shape, true), independent * 0.76);
  }
  EXPECT_LT(size(Halves(400, 4), true), size(Halves(400, 4), false) * 0.75);
}

// What a row tells about the next one does too, and in a grid what the line above tells.
TEST(NumberTable, DependentRowsCostLess) {
  Random random(5);
  int32_t walk = 0;
  const Table smooth = MakeTable(Track(500, 1), [&](uint32_t, uint32_t) { return walk += Symmetric(random, 8); });
  EXPECT_LT(Encode(smooth).size(), 500 * 4.9 / 8);
  std::vector<int32_t> line(25);
  const Table columns = MakeTable(Grid(25, 25, 1), [&](uint32_t row, uint32_t) {
    return line[row % 25] = (row < 25 ? Symmetric(random, 500) : line[row % 25]) + Symmetric(random, 2);
  });
  EXPECT_LT(Encode(columns).size(), 625 * 7.5 / 8);
  Table as_track = columns;
  as_track.shape = Track(625, 1);
  EXPECT_LT(Encode(columns).size() * 4, Encode(as_track).size() * 3);
  EXPECT_LT(Encode(MakeTable(Track(1000, 3), [](uint32_t, uint32_t) { return 5; })).size(), 60U);
  EXPECT_LT(Encode(MakeTable(Track(1000, 3), [](uint32_t, uint32_t) { return 0; })).size(), 6U);
}

TEST(NumberTable, KnownBytes) {
  Random random(6);
  const auto hash = [](const Table& table) { return Sha256Hex(Encode(table)).substr(0, 16); };
  int32_t walk = 0;
  EXPECT_EQ(hash(MakeTable(Track(40, 3), [&](uint32_t, uint32_t) { return walk += Symmetric(random, 50); })),
            "c3282de0b3a8b25f");
  EXPECT_EQ(hash(MakeTable(Grid(9, 7, 6),
                           [&](uint32_t row, uint32_t) { return static_cast<int32_t>(row) + Symmetric(random, 9); })),
            "acf4fda913bb48eb");
  EXPECT_EQ(hash(MakeTable(Halves(48, 5), [&](uint32_t, uint32_t) { return FiniteHalf(random) & 0xbff0; })),
            "c5b62ba063512b45");
  EXPECT_EQ(
      hash(MakeTable({TableKind::kVectors, 40, 4}, [&](uint32_t, uint32_t) { return walk += Symmetric(random, 9); })),
      "b3aa34209df53d4d");
}

bool InRange(const TableShape& shape, std::span<const int32_t> values) {
  return values.size() == shape.num_values() && std::ranges::all_of(values, [&](int32_t value) {
           return shape.kind == TableKind::kHalves ? value >= 0 && value <= 0xffff
                                                   : std::abs(value) <= kMaxTableInteger;
         });
}

TEST(NumberTable, AnyBytesGiveValuesInRange) {
  Random random(7);
  for (int i = 0; i < 300; ++i) {
    Bytes bytes = random.Bytes(random.Below(200));
    if (i % 10 == 0) std::ranges::fill(bytes, i % 20 == 0 ? uint8_t{0} : uint8_t{255});
    for (const TableShape& shape : {Track(30, 4), Grid(5, 6, 3), Halves(30, 4)}) {
      BinaryDecoder coder(bytes);
      ASSERT_TRUE(InRange(shape, DecodeTable(coder, shape, {}))) << i;
    }
  }
}

TEST(NumberTable, DamageGivesOtherValuesOrAnotherEnd) {
  Random random(8);
  for (const TableShape& shape : {Track(20, 3), Grid(5, 4, 3), Halves(20, 3)}) {
    const Table table = MakeTable(shape, [&](uint32_t, uint32_t) {
      return shape.kind == TableKind::kHalves ? FiniteHalf(random) : Symmetric(random, 300);
    });
    const Bytes bytes = Encode(table);
    const auto check = [&](const Bytes& damaged, const std::string& what) {
      BinaryDecoder coder(damaged);
      const std::vector<int32_t> values = DecodeTable(coder, shape, {});
      ASSERT_TRUE(InRange(shape, values)) << what;
      ASSERT_TRUE(values != table.values || !coder.at_end()) << what;
    };
    for (size_t i = 0; i < bytes.size(); ++i) {
      for (const int flip : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
        Bytes damaged = bytes;
        damaged[i] = static_cast<uint8_t>(damaged[i] ^ flip);
        check(damaged, "byte " + std::to_string(i) + " flipped by " + std::to_string(flip));
      }
      check(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(i)), "cut to " + std::to_string(i));
    }
    for (const uint8_t extra : std::initializer_list<uint8_t>{0x00, 0x01, 0xff}) {
      Bytes longer = bytes;
      longer.push_back(extra);
      check(longer, "one byte more");
    }
  }
}

}  // namespace
}  // namespace kitsink
