// The decoder's tensors: round trip, edges, names, known bytes, rejection.

#include "codecs/hnerv/decoder_section.h"

#include <algorithm>
#include <limits>

#include "codecs/hnerv/scene_testlib.h"
#include "format_testlib.h"
#include "kitsink/hash.h"

namespace kitsink::hnerv {
namespace {

using testing::ExpectDecent;
using testing::Random;
using testing::SmallDecoderShape;
using testing::SmallDecoderTensors;

using Tensors = std::vector<Int8Tensor>;

Bytes Encode(const DecoderShape& shape, const Tensors& tensors) {
  BinaryEncoder coder;
  EncodeDecoderTensors(coder, shape, tensors);
  return coder.Finish();
}

void ExpectSurvives(const DecoderShape& shape, const Tensors& tensors) {
  const Bytes bytes = Encode(shape, tensors);
  for (const bool measured : {false, true}) {
    BinaryDecoder coder(bytes);
    std::vector<StreamPart> parts;
    const Result<Tensors> decoded = DecodeDecoderTensors(coder, shape, measured ? &parts : nullptr);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_TRUE(decoded.value() == tensors);
    EXPECT_TRUE(coder.at_end());
    if (!measured) continue;
    double sum = 0;
    for (const StreamPart& part : parts) sum += part.bits;
    EXPECT_GT(sum + 9,
              8 * static_cast<double>(bytes.size()));  // equal, or the rest are bytes of zeros, which are left out
  }
}

TEST(DecoderSection, RandomTensorsSurvive) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    ExpectSurvives(SmallDecoderShape(), SmallDecoderTensors(SmallDecoderShape(), seed, seed % 2 == 0));
  }
}

TEST(DecoderSection, EdgesOfCodesSurvive) {
  Tensors tensors = SmallDecoderTensors(SmallDecoderShape(), 1, true);
  for (const int code : {0, 127, -127}) {
    for (Int8Tensor& tensor : tensors) std::ranges::fill(tensor.codes, static_cast<int8_t>(code));
    ExpectSurvives(SmallDecoderShape(), tensors);
  }
}

TEST(DecoderSection, EdgesOfScalesSurvive) {
  using Float = std::numeric_limits<float>;
  Tensors tensors = SmallDecoderTensors(SmallDecoderShape(), 1, true);
  for (const float scale : {1.0F, Float::max(), Float::min(), Float::denorm_min(), 0x1p-24F}) {
    for (size_t i = 0; i < tensors.size(); i += 2) tensors[i].scale = scale;
    ExpectSurvives(SmallDecoderShape(), tensors);
  }
}

TEST(DecoderSection, EdgesOfShapesSurvive) {
  const DecoderShape smallest = {1, {1, 1, 1, 1, 1, 1, 2}};
  ExpectSurvives(smallest, SmallDecoderTensors(smallest, 1, false));
  const DecoderShape growing = {2, {1, 2, 3, 4, 5, 6, 7}};
  ExpectSurvives(growing, SmallDecoderTensors(growing, 2, false));
}

// The published decoder has 28 tensors of 228,958 codes.
TEST(DecoderSection, NamesThePublishedTensors) {
  ASSERT_TRUE(CheckDecoderShape({}, {}).ok());
  const std::vector<DecoderTensor> tensors = DecoderTensors({});
  ASSERT_EQ(tensors.size(), 28U);
  uint64_t codes = 0;
  for (const DecoderTensor& tensor : tensors) codes += tensor.layout.num_codes();
  EXPECT_EQ(codes, 228958U);
  const std::pair<size_t, const char*> names[] = {{0, "stem.weight"},      {3, "blocks.0.bias"},
                                                  {14, "skips.2.weight"},  {20, "refine.0.weight"},
                                                  {22, "refine.1.weight"}, {27, "rgb_1.bias"}};
  for (const auto& [index, name] : names) EXPECT_EQ(tensors[index].name, name);
  EXPECT_EQ(tensors[0].layout.num_codes(), 48384U);
  EXPECT_EQ(tensors[10].layout.num_codes(), 12960U);
}

TEST(DecoderSection, KnownBytes) {
  const Tensors tensors = SmallDecoderTensors(SmallDecoderShape(), 3, false);
  EXPECT_EQ(Sha256Hex(Encode(SmallDecoderShape(), tensors)).substr(0, 16), "e851f202bf6d085f");
}

TEST(DecoderSection, RejectsShapes) {
  Limits limits;
  for (const DecoderShape& shape :
       {DecoderShape{0}, DecoderShape{65}, DecoderShape{28, {36, 36, 0, 27, 20, 18, 18}},
        DecoderShape{28, {36, 36, 36, 27, 20, 18, 1}}, DecoderShape{28, {513, 36, 36, 27, 20, 18, 18}}}) {
    const Status status = CheckDecoderShape(shape, limits);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kInvalidArgument);
    ExpectDecent(status.error());
  }
  EXPECT_EQ(CheckDecoderShape({28, {512, 512, 512, 27, 20, 18, 18}}, limits).error().code, Code::kLimit);
  limits.max_weights = 228957;
  EXPECT_EQ(CheckDecoderShape({}, limits).error().code, Code::kLimit);
}

TEST(DecoderSection, RejectsValues) {
  const auto error_of = [](const Tensors& tensors) {
    const Bytes bytes = Encode(SmallDecoderShape(), tensors);
    BinaryDecoder coder(bytes);
    const Result<Tensors> decoded = DecodeDecoderTensors(coder, SmallDecoderShape(), nullptr);
    EXPECT_FALSE(decoded.ok());
    return decoded.ok() ? Error{} : decoded.error();
  };
  Tensors tensors = SmallDecoderTensors(SmallDecoderShape(), 4, true);
  tensors[2].codes[7] = -128;
  EXPECT_EQ(error_of(tensors).message, "decoder: blocks.0.weight: got a code of -128, expected -127 to 127");
  tensors[2].codes[7] = 0;
  for (const float scale : {0.0F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    tensors[3].scale = scale;
    EXPECT_EQ(error_of(tensors).message, "decoder: blocks.0.bias: its scale is not positive and finite");
    EXPECT_EQ(error_of(tensors).code, Code::kCorrupt);
  }
}

// Without a checksum a damaged stream may decode, but only to values in range.
TEST(DecoderSection, DamageIsRefusedOrDecodesInRange) {
  const DecoderShape shape = {1, {1, 1, 1, 1, 1, 1, 2}};
  const Bytes whole = Encode(shape, SmallDecoderTensors(shape, 5, false));
  Random random(5);
  for (int i = 0; i < 60; ++i) {
    Bytes bytes = whole;
    if (i < 20) bytes.resize(random.Below(static_cast<uint32_t>(whole.size())));
    if (i >= 20)
      bytes[random.Below(i < 40 ? static_cast<uint32_t>(whole.size()) : 8)] ^=
          static_cast<uint8_t>(random.Below(255) + 1);
    BinaryDecoder coder(bytes);
    const Result<Tensors> decoded = DecodeDecoderTensors(coder, shape, nullptr);
    if (!decoded.ok()) {
      EXPECT_EQ(decoded.error().code, Code::kCorrupt);
      ExpectDecent(decoded.error());
      continue;
    }
    for (const Int8Tensor& tensor : decoded.value()) {
      EXPECT_GT(tensor.scale, 0);
      EXPECT_EQ(std::ranges::count(tensor.codes, int8_t{-128}), 0);
    }
  }
}

}  // namespace
}  // namespace kitsink::hnerv
