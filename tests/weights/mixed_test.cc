// Tensors of int4 codes and halves: round trip, edges, lengths, known bytes, rejection.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "format_testlib.h"
#include "kitsink/half.h"
#include "kitsink/hash.h"
#include "kitsink/weights.h"

namespace kitsink {
namespace {

using testing::Random;
using enum TensorKind;

using Tensors = std::vector<QuantizedTensor>;

// Two panels of different lengths. In the first one, vectors of 12 and 24 numbers are cut into pieces of 12.
std::vector<TensorSpec> SmallSpecs() {
  return {
      {"embed", {5, 12}, kInt4Columns, 0, 1}, {"mix", {12, 9, 1, 1}, kInt4Rows, 1, 1},
      {"mix.bias", {12}, kHalf, 0, 1},        {"film", {24, 3}, kInt4Rows, 3, 1},
      {"film.bias", {24}, kHalf, 0, 1},       {"head", {3, 4, 3, 3}, kInt4Rows, 3, 0},
      {"head.bias", {3}, kHalf, 0, 0},
  };
}

uint16_t FiniteHalf(Random& random) { return static_cast<uint16_t>(random.Below(0x7c00) | random.Below(2) << 15); }

Tensors RandomTensors(std::span<const TensorSpec> specs, uint64_t seed) {
  Random random(seed);
  Tensors tensors;
  for (const TensorSpec& spec : specs) {
    QuantizedTensor& tensor = tensors.emplace_back();
    for (size_t i = 0; i < spec.num_values(); ++i) {
      if (spec.kind == kHalf) {
        tensor.halves.push_back(FiniteHalf(random));
      } else {
        tensor.codes.push_back(static_cast<uint8_t>(random.Below(15) - 7));
      }
    }
    for (size_t i = 0; i < NumScales(spec); ++i) tensor.scales.push_back(FiniteHalf(random));
    EXPECT_TRUE(CheckTensor(spec, tensor).ok());
  }
  return tensors;
}

Bytes Encode(std::span<const TensorSpec> specs, const Tensors& tensors) {
  BinaryEncoder coder;
  EncodeMixedTensors(coder, specs, tensors);
  return coder.Finish();
}

void ExpectSurvives(std::span<const TensorSpec> specs, const Tensors& tensors, const std::string& what) {
  SCOPED_TRACE(what);
  const Bytes bytes = Encode(specs, tensors);
  for (const bool measured : {false, true}) {
    BinaryDecoder coder(bytes);
    std::vector<StreamPart> parts;
    const Result<Tensors> decoded = DecodeMixedTensors(coder, specs, measured ? &parts : nullptr);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_TRUE(decoded.value() == tensors);
    EXPECT_TRUE(coder.at_end());
  }
}

TEST(MixedTensors, RandomTensorsSurvive) {
  const std::vector<TensorSpec> specs = SmallSpecs();
  for (uint64_t seed = 0; seed < 50; ++seed) {
    ExpectSurvives(specs, RandomTensors(specs, seed), "seed " + std::to_string(seed));
  }
}

TEST(MixedTensors, EdgesOfCodesSurvive) {
  const std::vector<TensorSpec> specs = SmallSpecs();
  for (const int code : {0, 7, -7, 1}) {
    Tensors tensors = RandomTensors(specs, 1);
    for (QuantizedTensor& tensor : tensors) std::ranges::fill(tensor.codes, static_cast<uint8_t>(code));
    ExpectSurvives(specs, tensors, "all codes " + std::to_string(code));
  }
  // Rows of zeros only, between others.
  Tensors tensors = RandomTensors(specs, 2);
  for (size_t row = 0; row < 12; row += 2)
    std::fill_n(tensors[1].codes.begin() + static_cast<ptrdiff_t>(row * 9), 9, uint8_t{0});
  ExpectSurvives(specs, tensors, "rows of zeros");
}

TEST(MixedTensors, EdgesOfScalesSurvive) {
  const std::vector<TensorSpec> specs = SmallSpecs();
  const std::vector<std::pair<const char*, std::vector<uint16_t>>> edges = {
      {"zero", {0}},
      {"negative zero", {0x8000}},
      {"subnormal", {1, 0x3ff, 0x8001}},
      {"negative", {0xbc00}},
      {"largest", {0x7bff}},
      {"smallest", {0xfbff}},
      {"one", {kHalfOne}},
      {"extremes", {0x7bff, 0xfbff, 1}},
      {"zeros and ones", {0, 0x8000, kHalfOne}},
      {"alike", {0x2c00, 0x2c01}},
  };
  for (const auto& [name, patterns] : edges) {
    Tensors tensors = RandomTensors(specs, 3);
    size_t next = 0;
    for (QuantizedTensor& tensor : tensors) {
      for (uint16_t& scale : tensor.scales) scale = patterns[next++ % patterns.size()];
    }
    ExpectSurvives(specs, tensors, std::string("scales: ") + name);
    for (QuantizedTensor& tensor : tensors) {
      for (uint16_t& half : tensor.halves) half = patterns[next++ % patterns.size()];
    }
    ExpectSurvives(specs, tensors, std::string("scales and values: ") + name);
  }
}

TEST(MixedTensors, EdgesOfShapesSurvive) {
  const std::vector<std::vector<TensorSpec>> sets = {
      {{"a", {1}, kHalf}},
      {{"a", {1, 1}, kInt4Rows}},
      {{"a", {1, 1}, kInt4Columns}},
      {{"a", {300, 1}, kInt4Rows}},
      {{"a", {1, 300}, kInt4Rows}},
      {{"a", {300, 1}, kInt4Columns}},
      {{"a", {1, 300}, kInt4Columns}},
      {{"a", {1}, kHalf, 0, 9}, {"b", {90}, kHalf, 0, 9}, {"c", {7, 2}, kInt4Rows, 31, 200}},
      {{"a", {2, 3, 4, 5}, kInt4Rows, 31}, {"b", {2, 3, 4, 5}, kInt4Columns, 31, 1}},
      {},
  };
  uint64_t seed = 0;
  for (const std::vector<TensorSpec>& specs : sets) {
    ++seed;
    ExpectSurvives(specs, RandomTensors(specs, seed), "set " + std::to_string(seed));
  }
}

// A tensor may share its line's scale by the first or by the last index.
TEST(Int4, DequantisesByRowsAndByColumns) {
  const QuantizedTensor by_rows = {{1, 0xfe, 7, 0xf9, 0, 3}, {FloatToHalf(0.5F), FloatToHalf(-2.0F)}, {}};
  EXPECT_EQ(DequantizeTensor({"t", {2, 3}, kInt4Rows}, by_rows), (std::vector<float>{0.5F, -1, 3.5F, 14, 0, -6}));
  EXPECT_EQ(DequantizeTensor({"t", {2, 3, 1, 1}, kInt4Rows}, by_rows), (std::vector<float>{0.5F, -1, 3.5F, 14, 0, -6}));
  const QuantizedTensor by_columns = {by_rows.codes, {FloatToHalf(0.5F), FloatToHalf(-2.0F), 1}, {}};
  const std::vector<float> expected = {0.5F, 4, 7 * 0x1p-24F, -3.5F, 0, 3 * 0x1p-24F};
  EXPECT_EQ(DequantizeTensor({"t", {2, 3}, kInt4Columns}, by_columns), expected);
  EXPECT_EQ(DequantizeTensor({"t", {2}, kHalf}, {{}, {}, {0x8000, 0x7bff}}), (std::vector<float>{-0.0F, 65504}));
}

TEST(Int4, CountsScales) {
  EXPECT_EQ(NumScales({"t", {4, 2, 3}, kInt4Rows}), 4U);
  EXPECT_EQ(NumScales({"t", {4, 2, 3}, kInt4Columns}), 3U);
  EXPECT_EQ(NumScales({"t", {4}, kHalf}), 0U);
}

// The parts of the stream add up to it.
TEST(MixedTensors, PartsAddUp) {
  const std::vector<TensorSpec> specs = SmallSpecs();
  const Bytes bytes = Encode(specs, RandomTensors(specs, 4));
  BinaryDecoder coder(bytes);
  std::vector<StreamPart> parts = {{"before", 5, 6}};
  ASSERT_TRUE(DecodeMixedTensors(coder, specs, &parts).ok());
  ASSERT_EQ(parts.size(), 1U + 2U + 4U);
  EXPECT_EQ(parts[0].bits, 5);
  EXPECT_EQ(parts[1].name, "scales");
  EXPECT_EQ(parts[1].count, 12U + 12U + 24U + 3U);
  EXPECT_EQ(parts[2].name, "fp16 values");
  EXPECT_EQ(parts[2].count, 12U + 24U + 3U);
  const uint64_t counts[] = {5 * 12, 12 * 9, 0, 24 * 3 + 3 * 4 * 9};
  double sum = 0;
  for (size_t i = 1; i < parts.size(); ++i) {
    EXPECT_GE(parts[i].bits, 0) << parts[i].name;
    sum += parts[i].bits;
    if (i < 3) continue;
    EXPECT_EQ(parts[i].count, counts[i - 3]) << parts[i].name;
  }
  const size_t columns = 1 + 1 + 1 + 2 + 2 + 2;
  EXPECT_LE(sum, 8.0 * static_cast<double>(bytes.size()) + 1);
  EXPECT_GE(sum, 8.0 * static_cast<double>(bytes.size()) - 12.0 * columns - 16);
}

// The adaptive models pay: skewed codes near their entropy, repeated vectors for next to nothing.
TEST(MixedTensors, RegularTensorsAreSmall) {
  Random random(5);
  const std::vector<TensorSpec> specs = {{"w", {64, 64, 1, 1}, kInt4Rows}, {"b", {64}, kHalf}};
  Tensors tensors = RandomTensors(specs, 5);
  for (uint16_t& scale : tensors[0].scales) scale = static_cast<uint16_t>(0x2c00 + random.Below(64));
  for (uint16_t& half : tensors[1].halves) half = 0;
  for (uint8_t& code : tensors[0].codes) code = random.Below(8) == 0 ? static_cast<uint8_t>(random.Below(3) - 1) : 0;
  // 11 in 12 codes are zero: 0.41 bits, and a sign for the others.
  EXPECT_LT(Encode(specs, tensors).size(), 64 * 64 * (0.41 + 0.084) * 1.08 / 8 + 64 * 6.6 / 8);
  for (uint8_t& code : tensors[0].codes) code = 7;
  for (uint16_t& scale : tensors[0].scales) scale = 0x2c00;
  EXPECT_LT(Encode(specs, tensors).size(), 64U * 64U / 8U + 60U);  // the signs
}

TEST(MixedTensors, KnownBytes) {
  const std::vector<TensorSpec> specs = SmallSpecs();
  const Tensors tensors = RandomTensors(specs, 6);
  EXPECT_EQ(Sha256Hex(Encode(specs, tensors)).substr(0, 16), "03a82b6f71e4bc3d");
  EXPECT_EQ(TensorsChecksum(tensors), 26084);
}

TEST(MixedTensors, ChecksumCoversEveryInteger) {
  const std::vector<TensorSpec> specs = SmallSpecs();
  Tensors tensors = RandomTensors(specs, 7);
  const uint16_t expected = TensorsChecksum(tensors);
  const auto check = [&](auto& integers) {
    for (auto& integer : integers) {
      integer ^= 1;
      EXPECT_NE(TensorsChecksum(tensors), expected);
      integer ^= 1;
    }
  };
  for (QuantizedTensor& tensor : tensors) {
    check(tensor.codes);
    check(tensor.scales);
    check(tensor.halves);
  }
}

TEST(Int4, CheckSaysWhatIsWrong) {
  const auto message = [](const TensorSpec& spec, const QuantizedTensor& tensor) {
    const Status status = CheckTensor(spec, tensor);
    EXPECT_FALSE(status.ok());
    return status.ok() ? std::string() : status.error().message;
  };
  const TensorSpec rows = {"t", {2, 2}, kInt4Rows}, half = {"h", {2}, kHalf};
  const QuantizedTensor good = {{7, 0xf9, 0, 1}, {0, 0x8000}, {}};
  EXPECT_TRUE(CheckTensor(rows, good).ok());
  EXPECT_TRUE(CheckTensor({"t", {2, 2}, kInt4Columns}, good).ok());
  for (const auto& [code, text] : {std::pair{0x08, "8"}, {0xf8, "-8"}, {0x7f, "127"}, {0x80, "-128"}}) {
    QuantizedTensor bad = good;
    bad.codes[2] = static_cast<uint8_t>(code);
    EXPECT_EQ(message(rows, bad), std::string("weights: t: got code ") + text + ", expected -7 to 7");
  }
  for (const uint16_t pattern : std::initializer_list<uint16_t>{0x7c00, 0xfc00, 0x7e00, 0xffff}) {
    QuantizedTensor bad = good;
    bad.scales[1] = pattern;
    EXPECT_EQ(message(rows, bad), "weights: t: a scale is not finite");
    EXPECT_EQ(message(half, {{}, {}, {0, pattern}}), "weights: h: a value is not finite");
  }
  const char* const counts = "weights: t: codes, scales or halves do not fit the tensor's 4 values";
  EXPECT_EQ(message(rows, {{7, 7, 7}, {0, 0}, {}}), counts);
  EXPECT_EQ(message(rows, {{7, 7, 7, 7}, {0}, {}}), counts);
  EXPECT_EQ(message(rows, {{7, 7, 7, 7}, {0, 0}, {0}}), counts);
  EXPECT_EQ(message(rows, {{}, {}, {0, 0, 0, 0}}), counts);
}

TEST(MixedTensors, DamageGivesValidTensorsOrAnError) {
  const std::vector<TensorSpec> specs = SmallSpecs();
  const Tensors tensors = RandomTensors(specs, 8);
  const Bytes bytes = Encode(specs, tensors);
  size_t num_refused = 0;
  const auto check = [&](const Bytes& damaged) {
    BinaryDecoder coder(damaged);
    const Result<Tensors> decoded = DecodeMixedTensors(coder, specs, nullptr);
    if (!decoded.ok()) {
      ++num_refused;
      EXPECT_EQ(decoded.error().message, "weights: a scale or a value is not finite");
      return;
    }
    for (size_t i = 0; i < specs.size(); ++i) EXPECT_TRUE(CheckTensor(specs[i], decoded.value()[i]).ok());
    EXPECT_TRUE(decoded.value() != tensors || !coder.at_end());
  };
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : testing::kEveryFlip) {
      Bytes damaged = bytes;
      damaged[i] = static_cast<uint8_t>(damaged[i] ^ flip);
      check(damaged);
    }
    check(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(i)));
  }
  EXPECT_GT(num_refused, 0U);
  Bytes longer = bytes;
  longer.push_back(0);
  check(longer);
}

}  // namespace
}  // namespace kitsink
