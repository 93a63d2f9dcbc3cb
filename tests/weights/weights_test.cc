// Quantised tensors: round trip, known values and bytes, rejection. The generator's tensors cover all kinds.

#include "kitsink/weights.h"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "codecs/search/scene_testlib.h"
#include "codecs/search/tensor_classes.h"
#include "format_testlib.h"
#include "kitsink/half.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

using namespace search;

using testing::Random;
using testing::RandomWeights;
using testing::TinyShape;

constexpr float kLevels[] = {0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F};

TensorSpec Fp4Spec(uint32_t count) { return {"test.pw.weight", {count, 1, 1, 1}, TensorKind::kFp4}; }

TEST(GeneratorTensors, DefaultShapeIsThePublishedOne) {
  const std::vector<TensorSpec> specs = GeneratorTensors(GeneratorShape{});
  ASSERT_EQ(specs.size(), 111U);
  size_t all = 0, fp4_tensors = 0, fp4_values = 0, blocks = 0, dense_tensors = 0, dense_values = 0;
  for (const TensorSpec& spec : specs) {
    all += spec.num_values();
    if (spec.kind == TensorKind::kFp4) {
      ++fp4_tensors;
      fp4_values += spec.num_values();
      blocks += (spec.num_values() + 31) / 32;
    }
    if (spec.kind == TensorKind::kDense) {
      ++dense_tensors;
      dense_values += spec.num_values();
    }
  }
  EXPECT_EQ(all, 87836U);
  EXPECT_EQ(fp4_tensors, 40U);
  EXPECT_EQ(fp4_values, 75904U);
  EXPECT_EQ(blocks, 2377U);
  EXPECT_EQ(dense_tensors, 46U);
  EXPECT_EQ(dense_values, 10448U);
  EXPECT_EQ(specs[0], (TensorSpec{"shared_trunk.embedding.weight", {5, 6}, TensorKind::kHalf, kPlainWeight}));
  EXPECT_EQ(specs[36], (TensorSpec{"shared_trunk.fuse.dw.weight", {112, 1, 3, 3}, TensorKind::kFp4, kDepthwise}));
  EXPECT_EQ(specs[65], (TensorSpec{"frame1_head.block1.film_proj.weight", {112, 48}, TensorKind::kDense, kFilm}));
  EXPECT_EQ(specs[110], (TensorSpec{"frame2_head.head.bias", {3}, TensorKind::kHalf, kPlainBias}));
}

TEST(Weights, SetsOfAnyShapeSurvive) {
  for (const GeneratorShape& shape : {GeneratorShape{}, TinyShape(), GeneratorShape{16, 7, 10, 4, 3, 2, 64}}) {
    const WeightSet weights = RandomWeights(shape, shape.trunk);
    const Result<Bytes> stream = EncodeWeights(weights, Limits{});
    ASSERT_TRUE(stream.ok()) << stream.error().message;
    const Result<WeightSet> decoded = DecodeWeights(stream.value(), Limits{});
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_TRUE(decoded.value() == weights);
  }
}

TEST(Fp4, MidpointsGoToTheLowerLevel) {
  const std::vector<float> values = {6.0F, 0.25F, 0.75F, -1.25F, 1.75F, 2.5F, -3.5F, 5.0F, 5.01F, -0.25F, -0.0F};
  const TensorSpec spec = Fp4Spec(11);
  const QuantizedTensor tensor = QuantizeTensor(spec, values).value();
  EXPECT_EQ(tensor.scales, std::vector<uint16_t>({0x3c00}));
  EXPECT_EQ(tensor.codes, std::vector<uint8_t>({7, 0, 1, 8 | 2, 3, 4, 8 | 5, 6, 7, 0, 0}));
}

TEST(Fp4, ExactValuesSurviveInBlocksOf32) {
  std::vector<float> values;
  for (int block = 0; block < 3; ++block) {
    for (int i = 0; i < (block == 2 ? 5 : 32); ++i) {
      values.push_back((i % 3 == 0 ? -1.0F : 1.0F) * kLevels[7 - i % 8] * std::ldexp(1.0F, -block));
    }
  }
  const TensorSpec spec = Fp4Spec(69);
  const QuantizedTensor tensor = QuantizeTensor(spec, values).value();
  EXPECT_EQ(tensor.scales, std::vector<uint16_t>({0x3c00, 0x3800, 0x3400}));
  EXPECT_EQ(DequantizeTensor(spec, tensor), values);
}

TEST(Fp4, ABlockOfZerosHasScaleOne) {
  const TensorSpec spec = Fp4Spec(40);
  const QuantizedTensor tensor = QuantizeTensor(spec, std::vector<float>(40, -0.0F)).value();
  EXPECT_EQ(tensor.scales, std::vector<uint16_t>({kHalfOne, kHalfOne}));
  EXPECT_EQ(tensor.codes, std::vector<uint8_t>(40, 0));
}

TEST(Fp4, ScalesArePositiveWithFiveFractionBits) {
  EXPECT_EQ(Fp4Scale(6.0F), 0x3c00);
  EXPECT_EQ(Fp4Scale(6.0F * (1 + 1.0F / 64)), 0x3c20);
  EXPECT_EQ(Fp4Scale(6.0F * 1.999F), 0x4000);
  EXPECT_EQ(Fp4Scale(1e-12F), 0x0020);
  EXPECT_EQ(Fp4Scale(65504.0F), FloatToHalf(65504.0F / 6) / 32 * 32 + 0x20);
}

TEST(Weights, QuantizingTwiceChangesNothing) {
  Random random(5);
  for (const TensorSpec& spec : GeneratorTensors(GeneratorShape{})) {
    std::vector<float> values;
    for (size_t i = 0; i < spec.num_values(); ++i) {
      values.push_back((static_cast<float>(random.Below(20001)) - 10000.0F) * 3.7e-5F);
    }
    const QuantizedTensor once = QuantizeTensor(spec, values).value();
    const std::vector<float> stored = DequantizeTensor(spec, once);
    ASSERT_EQ(QuantizeTensor(spec, stored).value(), once) << spec.name;
    for (size_t i = 0; i < values.size(); ++i) {
      // FP4: a sixth of the block's largest, and 1/64 for the scale; dense: half of 1/256 of the largest; half: 2^-11.
      const float bound = spec.kind == TensorKind::kFp4     ? 0.37F * 0.19F
                          : spec.kind == TensorKind::kDense ? 8e-4F
                                                            : 2e-4F;
      ASSERT_LE(std::abs(stored[i] - values[i]), bound) << spec.name;
    }
  }
}

TEST(Weights, QuantizingRefusesBadValues) {
  for (const TensorKind kind : {TensorKind::kFp4, TensorKind::kHalf, TensorKind::kDense}) {
    const TensorSpec spec = {"t.weight", {2, 1, 1, 1}, kind};
    EXPECT_EQ(QuantizeTensor(spec, std::vector<float>{1}).error().code, Code::kInvalidArgument);
    EXPECT_EQ(QuantizeTensor(spec, std::vector<float>{1, std::nanf("")}).error().code, Code::kInvalidArgument);
    EXPECT_EQ(QuantizeTensor(spec, std::vector<float>{1, 65520.0F}).error().code, Code::kInvalidArgument);
  }
}

TEST(Weights, EncodingRefusesBadSets) {
  const WeightSet good = RandomWeights(TinyShape(), 1);
  WeightSet bad = good;
  bad.tensors[1].codes[0] = 8;
  EXPECT_EQ(EncodeWeights(bad, Limits{}).error().code, Code::kInvalidArgument);
  bad = good;
  bad.tensors[1].scales[0] = 0;
  EXPECT_EQ(EncodeWeights(bad, Limits{}).error().code, Code::kInvalidArgument);
  bad = good;
  bad.tensors[0].halves[0] = 0x7c00;
  EXPECT_EQ(EncodeWeights(bad, Limits{}).error().code, Code::kInvalidArgument);
  bad = good;
  bad.tensors.pop_back();
  EXPECT_EQ(EncodeWeights(bad, Limits{}).error().code, Code::kInvalidArgument);
  bad = good;
  bad.shape.trunk = 3;
  EXPECT_EQ(EncodeWeights(bad, Limits{}).error().code, Code::kInvalidArgument);
}

TEST(Weights, RejectsDamage) {
  const WeightSet weights = RandomWeights(TinyShape(), 2);
  const Bytes stream = EncodeWeights(weights, Limits{}).value();
  const auto decode = [](std::span<const uint8_t> bytes) { return DecodeWeights(bytes, Limits{}); };
  testing::ExpectRejectsWrongLengths(stream, decode);
  testing::ExpectRejectsFlips(stream, decode, weights, testing::kEveryFlip);
}

TEST(Weights, RejectsShapesBeforeAllocating) {
  const auto shape_error = [](std::initializer_list<uint16_t> widths) {
    ByteWriter writer;
    writer.U8(2);
    for (const uint16_t width : widths) writer.U16(width);
    writer.U32(0);
    return DecodeWeights(writer.Take(), Limits{}).error();
  };
  EXPECT_EQ(shape_error({5, 6, 4096, 4096, 4096, 4096, 6}).code, Code::kLimit);
  EXPECT_EQ(shape_error({5, 6, 55, 64, 48, 52, 6}).message,
            "weights: shape: trunk is 55, expected an even number from 2 to 4096");
  EXPECT_EQ(shape_error({0, 6, 56, 64, 48, 52, 6}).code, Code::kCorrupt);
  EXPECT_EQ(shape_error({5, 6, 56, 64, 48, 52, 6}).message,
            "weights: the default shape is spelled out, expected head 1, at byte 0");
  EXPECT_EQ(DecodeWeights(Bytes{9, 0, 0, 0}, Limits{}).error().code, Code::kUnsupported);
}

TEST(Weights, GoldenStream) {
  const WeightSet weights = RandomWeights(TinyShape(), 3);
  const Bytes stream = EncodeWeights(weights, Limits{}).value();
  testing::ExpectGolden("weights.bin", stream);
  ByteWriter integers;
  const WeightSet decoded = DecodeWeights(stream, Limits{}).value();
  for (const QuantizedTensor& tensor : decoded.tensors) {
    integers.Append(tensor.codes);
    for (const uint16_t scale : tensor.scales) integers.U16(scale);
    for (const uint16_t pattern : tensor.halves) integers.U16(pattern);
  }
  EXPECT_EQ(Sha256Hex(integers.Take()), "cbbbdac6fcd5d55b3240825af8216071680c3a184649cbeda9ea1fead700385d");
}

TEST(Weights, PublishedGeneratorIsSmallerThanTheBestPeers) {
  KIT_SHARED_DATA_OR_SKIP(path, "generator/generator.safetensors");
  const Bytes file = ReadFile(path, 1 << 20).value();
  const uint64_t head_bytes = ByteReader(file).U64();
  const auto head = nlohmann::json::parse(file.begin() + 8, file.begin() + 8 + static_cast<ptrdiff_t>(head_bytes));
  WeightSet weights;
  double error = 0, power = 0;
  for (const TensorSpec& spec : GeneratorTensors(weights.shape)) {
    const size_t begin = head.at(spec.name).at("data_offsets").at(0).get<size_t>();
    std::vector<float> values(spec.num_values());
    std::memcpy(values.data(), file.data() + 8 + head_bytes + begin, 4 * values.size());
    weights.tensors.push_back(QuantizeTensor(spec, values).value());
    const std::vector<float> stored = DequantizeTensor(spec, weights.tensors.back());
    for (size_t i = 0; i < values.size(); ++i) {
      if (spec.kind != TensorKind::kFp4) continue;
      error += std::pow(double{stored[i]} - values[i], 2);
      power += std::pow(values[i], 2);
    }
  }
  const Bytes stream = EncodeWeights(weights, Limits{}).value();
  std::printf("weights: %zu bytes, FP4 noise added by the coarser scales %.1f dB\n", stream.size(),
              10 * std::log10(error / power));
  // The smallest published stream of this generator has 55,725.
  EXPECT_LE(stream.size(), 53200U);
  EXPECT_TRUE(DecodeWeights(stream, Limits{}).value() == weights);
}

}  // namespace
}  // namespace kitsink
