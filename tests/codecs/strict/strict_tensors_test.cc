// Scenes of codec strict <-> named tensors: round trip, names, and what is said about tensors that do not fit.

#include <array>
#include <cmath>

#include "codecs/strict/scene_testlib.h"
#include "format_testlib.h"

namespace kitsink::strict {
namespace {

using testing::SmallStrictScene;
using testing::StrictSizes;

StrictSizes TinySizes() {
  StrictSizes sizes;
  sizes.map = {16, 12};
  sizes.pairs = 2;
  return sizes;
}

TensorFile UnpackScene(const Scene& scene) {
  return Unpack(EncodeScene(scene, 1, CodingContext()).value(), CodingContext()).value();
}

TEST(StrictTensors, WhatIsUnpackedPacksToTheSameBytes) {
  Scene scene = SmallStrictScene(TinySizes(), 1);
  for (int variant = 0; variant < 5; ++variant) {
    if (variant == 1) scene = SmallStrictScene({}, 2);
    if (variant == 2) scene.carrier.grey = -0.0F;
    if (variant == 3) scene = SmallStrictScene({{8, 4}, {64, 48}, 5, 96, UsualDilations(4), 3, 2, 12, 24, 32}, 3);
    if (variant == 4) scene = SmallStrictScene({{8, 4}, {64, 48}, 5, 16, {1}, 3, 2, 0}, 4);
    for (const int level : variant == 0 ? std::vector{1, 2, 3} : std::vector{1}) {
      const Member member = EncodeScene(scene, level, CodingContext()).value();
      const TensorFile file = Unpack(member, CodingContext()).value();
      const TensorFile reread = ReadTensors(WriteTensors(file)).value();
      EXPECT_TRUE(reread == file);
      Member again = Pack(reread, {level}, CodingContext()).value();
      again.frame_size = scene.frame_size;
      EXPECT_TRUE(again == member) << "variant " << variant << ", level " << level;
      Scene loaded = SceneOfTensors(reread, Limits()).value();
      loaded.frame_size = scene.frame_size;
      EXPECT_TRUE(testing::SameBits(loaded, scene));
    }
  }
}

TEST(StrictTensors, ThePreimageIsATensor) {
  StrictSizes sizes = TinySizes();
  sizes.map = kModelGrid;
  sizes.frame = {1024, 768};
  Scene scene = SmallStrictScene(sizes, 6);
  EXPECT_EQ(UnpackScene(scene).Find("renderer.preimage"), nullptr);
  scene.renderer.preimage = true;
  TensorFile file = UnpackScene(scene);
  ASSERT_NE(file.Find("renderer.preimage"), nullptr);
  EXPECT_EQ(Pack(file, {1, scene.frame_size}, CodingContext()).value(), EncodeScene(scene, 1, CodingContext()).value());
  EXPECT_FALSE(Pack(file, {1, {640, 480}}, CodingContext()).ok());
  file.tensors["renderer.preimage"] = MakeTensor({1}, std::span<const uint8_t>(std::array{uint8_t{2}}));
  EXPECT_NE(SceneOfTensors(file, Limits()).error().message.find("renderer.preimage is 2, expected 0 or 1"),
            std::string::npos);
}

TEST(StrictTensors, AreListedByName) {
  const TensorFile file = UnpackScene(SmallStrictScene(TinySizes(), 4));
  const auto is = [&file](const std::string& name, const char* dtype, const std::vector<int64_t>& shape) {
    const FileTensor* const tensor = file.Find(name);
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(tensor->dtype, dtype) << name;
    EXPECT_EQ(tensor->shape, shape) << name;
  };
  is("maps", "U8", {2, 12, 16});
  is("selector", "U8", {2});
  is("renderer.token_embed.weight.codes", "I8", {5, 16});
  is("renderer.token_embed.weight.scales", "F16", {16});
  is("renderer.frame_embed.weight.scales", "F16", {8});
  is("renderer.coord_mix.weight.codes", "I8", {16, 20, 1, 1});
  is("renderer.coord_mix.weight.scales", "F16", {16});
  is("renderer.blocks.1.norm.weight", "F16", {16});
  is("renderer.head.weight.codes", "I8", {3, 16, 3, 3});
  is("carrier.basis.codes", "I8", {3, 3, 6, 8});
  is("carrier.basis.scales", "F32", {3});
  is("carrier.coefficients.codes", "I16", {2, 3});
  is("carrier.coefficients.scales", "F32", {3});
  // Maps, selector and dilations; four int4 tensors and two others outside the blocks; three int4 tensors and five
  // others in each block; the carrier.
  EXPECT_EQ(file.tensors.size(), 3U + (2 * 4 + 2) + 2 * (2 * 3 + 5) + 4);
}

TEST(StrictTensors, MotionsAreOneTensor) {
  StrictSizes sizes = TinySizes();
  sizes.atoms = 0;
  TensorFile file = UnpackScene(SmallStrictScene(sizes, 5));
  ASSERT_NE(file.Find("carrier.motion"), nullptr);
  EXPECT_EQ(file.Find("carrier.motion")->shape, (std::vector<int64_t>{2, kMotionTerms}));
  EXPECT_EQ(file.Find("carrier.basis.codes"), nullptr);
  // A scene has one of both forms.
  file.tensors["carrier.basis.scales"] = MakeTensor({1}, std::span<const float>(std::array{1.0F}));
  EXPECT_NE(SceneOfTensors(file, Limits()).error().message.find("carrier.basis.scales"), std::string::npos);
}

TEST(StrictTensors, MotionsWithAtomsAreTheTensorsOfBoth) {
  StrictSizes sizes = TinySizes();
  sizes.moves = true;
  const Scene scene = SmallStrictScene(sizes, 5);
  TensorFile file = UnpackScene(scene);
  EXPECT_EQ(file.Find("carrier.motion")->shape, (std::vector<int64_t>{2, kMotionTerms}));
  ASSERT_NE(file.Find("carrier.coefficients.codes"), nullptr);
  EXPECT_EQ(file.Find("carrier.coefficients.codes")->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(testing::Must(SceneOfTensors(file, Limits())).carrier, scene.carrier);
  // Levels are of grey.
  file.tensors["carrier.levels"] = MakeTensor({2}, std::span<const float>(std::array{100.0F, 64.0F}));
  EXPECT_NE(SceneOfTensors(file, Limits()).error().message.find("carrier.levels"), std::string::npos);
}

// Tensors of usual numbers are left out, and may be missing.
TEST(StrictTensors, UsualOnesMayBeMissing) {
  Scene scene = SmallStrictScene(TinySizes(), 5);
  EXPECT_TRUE(UnpackScene(scene).Find("renderer.dilations") != nullptr);
  EXPECT_TRUE(UnpackScene(scene).Find("carrier.levels") == nullptr);
  scene.renderer.shape.dilations = UsualDilations(2);
  scene.carrier.amplitude = 63;
  scene.selector.assign(2, 0);
  TensorFile file = UnpackScene(scene);
  EXPECT_TRUE(file.Find("renderer.dilations") == nullptr);
  EXPECT_EQ(FloatsOf(*file.Find("carrier.levels")), (std::vector<float>{127.5F, 63}));
  const std::array<uint8_t, 2> dilations = {1, 1};
  file.tensors.erase("selector");
  file.tensors["renderer.dilations"] = MakeTensor({2}, std::span<const uint8_t>(dilations));
  Scene loaded = SceneOfTensors(file, Limits()).value();
  loaded.frame_size = scene.frame_size;
  EXPECT_TRUE(loaded == scene);
}

// What follows a fault of the shape.
const std::string kShapeSays =
    ", as token_embed.weight.codes [classes,width], frame_embed.weight.codes [pairs,columns] and the blocks' names say";

class StrictFaults : public ::testing::Test {
 protected:
  // What pack says about the tensors after `edit`, without its first words.
  template <typename Edit>
  std::string Message(const Edit& edit) const {
    TensorFile file = good_;
    edit(file);
    const Result<Member> member = Pack(file, {1}, CodingContext());
    EXPECT_FALSE(member.ok());
    if (member.ok()) return "";
    EXPECT_EQ(member.error().code, Code::kInvalidArgument);
    const std::string start = "tensors do not fit the codec: ";
    EXPECT_EQ(member.error().message.find(start), 0U);
    return member.error().message.substr(start.size());
  }
  static void SetHalf(TensorFile& file, const std::string& name, uint16_t pattern) {
    Bytes& data = file.tensors.at(name).data;
    data[0] = static_cast<uint8_t>(pattern);
    data[1] = static_cast<uint8_t>(pattern >> 8);
  }
  const TensorFile good_ = UnpackScene(SmallStrictScene(TinySizes(), 6));
};

TEST_F(StrictFaults, EveryMissingTensorIsNamed) {
  for (const auto& [name, tensor] : good_.tensors) {
    if (name == "selector" || name == "renderer.dilations") continue;
    const std::string message = Message([&name = name](TensorFile& file) { file.tensors.erase(name); });
    EXPECT_EQ(message, name + " is missing");
  }
}

TEST_F(StrictFaults, EveryWrongTypeIsNamed) {
  for (const auto& [name, tensor] : good_.tensors) {
    const std::string message = Message([&name = name](TensorFile& file) { file.tensors.at(name).dtype = "BOOL"; });
    EXPECT_EQ(message.find(name + " is BOOL ["), 0U) << name << ": " << message;
  }
}

TEST_F(StrictFaults, EveryWrongShapeIsNamed) {
  for (const auto& [name, tensor] : good_.tensors) {
    const std::string message = Message([&name = name](TensorFile& file) {
      FileTensor& t = file.tensors.at(name);
      t.shape.push_back(2);
      t.data.resize(2 * t.data.size());
    });
    EXPECT_EQ(message.find(name + (name.find("_embed.weight.codes") == std::string::npos ? " is " : " does not have")),
              0U)
        << message;
  }
}

TEST_F(StrictFaults, EachSaysWhatIsExpected) {
  EXPECT_EQ(Message([](TensorFile& f) { f.tensors["renderer.head.weight.codes"].data[9] = 0xf8; }),
            "weights: renderer.head.weight: got code -8, expected -7 to 7");
  EXPECT_EQ(Message([](TensorFile& f) { SetHalf(f, "renderer.head.weight.scales", 0x7e00); }),
            "weights: renderer.head.weight: a scale is not finite");
  EXPECT_EQ(Message([](TensorFile& f) { SetHalf(f, "renderer.blocks.0.norm.bias", 0xfc00); }),
            "weights: renderer.blocks.0.norm.bias: a value is not finite");
  EXPECT_EQ(Message([](TensorFile& f) { f.tensors["maps"].data[7] = 5; }),
            "maps holds id 5, expected less than the 5 rows of token_embed");
  EXPECT_EQ(Message([](TensorFile& f) { f.tensors["renderer.dilations"].data[0] = 17; }),
            "renderer: dilation: got 17, expected 1 to 16" + kShapeSays);
  EXPECT_EQ(Message([](TensorFile& f) {
              f.tensors["renderer.dilations"] = MakeTensor({3}, std::array<uint8_t, 3>{1, 1, 1});
            }),
            "renderer.dilations is U8 [3], expected U8 [2]");
  EXPECT_EQ(Message([](TensorFile& f) { f.tensors["stray"] = MakeTensor({1}, std::array<uint8_t, 1>{}); }),
            "\"stray\" is unknown");
  EXPECT_EQ(Message([](TensorFile& f) {
              f.tensors["carrier.coefficients.scales"] = MakeTensor({2}, std::array<float, 2>{});
            }),
            "carrier.coefficients.scales is F32 [2], expected F32 [3]");
  EXPECT_EQ(Message([](TensorFile& f) {
              f.tensors["carrier.basis.codes"] = MakeTensor({3, 3, 129, 1}, std::vector<int8_t>(1161));
            }),
            "carrier: rows: got 129, expected 1 to 128");
  EXPECT_EQ(Message([](TensorFile& f) { f.tensors["selector"] = MakeTensor({3}, std::array<uint8_t, 3>{}); }),
            "selector is U8 [3], expected U8 [2]");
}

TEST_F(StrictFaults, ValuesOfTheCarrierAreChecked) {
  EXPECT_EQ(Message([](TensorFile& f) { f.tensors["selector"].data[1] = 8; }),
            "selector holds mode 8 at pair 1, expected 0 to 7");
  const std::array<float, 3> scales = {1, std::nanf(""), 1};
  EXPECT_EQ(Message([&](TensorFile& f) { f.tensors["carrier.basis.scales"] = MakeTensor({3}, scales); }),
            "carrier.basis.scales is not finite at index 1");
  EXPECT_EQ(Message([&](TensorFile& f) { f.tensors["carrier.coefficients.scales"] = MakeTensor({3}, scales); }),
            "carrier.coefficients.scales is not finite at index 1");
  const std::array<float, 2> levels = {127.5F, HUGE_VALF};
  EXPECT_EQ(Message([&](TensorFile& f) { f.tensors["carrier.levels"] = MakeTensor({2}, levels); }),
            "carrier.levels is not finite at index 1");
}

TEST_F(StrictFaults, MissingShapesHideWhatFollowsFromThem) {
  EXPECT_EQ(Message([](TensorFile& f) {
              f.tensors.erase("renderer.token_embed.weight.codes"), f.tensors["maps"].data[0] = 9;
            }),
            "renderer.token_embed.weight.codes is missing");
  EXPECT_EQ(Message([](TensorFile& f) {
              f.tensors.erase("renderer.token_embed.weight.codes");
              f.tensors.erase("renderer.frame_embed.weight.codes");
            }),
            "renderer.token_embed.weight.codes is missing; renderer.frame_embed.weight.codes is missing");
  EXPECT_EQ(Message([](TensorFile& f) {
              std::erase_if(f.tensors, [](const auto& t) { return t.first.find("blocks.") != std::string::npos; });
              f.tensors.erase("renderer.dilations");
            }),
            "renderer: blocks: got 0, expected 1 to 8" + kShapeSays);
  EXPECT_EQ(Message([](TensorFile& f) {
              for (int i = 2; i < 9; ++i) {
                f.tensors["renderer.blocks." + std::to_string(i) + ".dw.bias"] = f.tensors["renderer.blocks.0.dw.bias"];
              }
              f.tensors.erase("renderer.dilations");
            }),
            "renderer: blocks: got 9, expected 1 to 8" + kShapeSays);
}

TEST_F(StrictFaults, AllAreNamedInOneSentence) {
  EXPECT_EQ(
      Message([](TensorFile& f) {
        f.tensors["maps"].data[0] = 7;
        f.tensors["renderer.frame_embed.weight.codes"].data[3] = 0x80;
        f.tensors.erase("renderer.coord_mix.bias");
        f.tensors["renderer.head.bias"].dtype = "BF16";
        f.tensors["carrier.coefficients.codes"].dtype = "U16";
        f.tensors["carrier.basis.scales"] = MakeTensor({3}, std::array<float, 3>{1, -HUGE_VALF, 1});
        f.tensors["selector"].data[0] = 255;
        f.tensors["a\nb"] = MakeTensor({1}, std::array<uint8_t, 1>{});
      }),
      "weights: renderer.frame_embed.weight: got code -128, expected -7 to 7; renderer.coord_mix.bias is missing; "
      "renderer.head.bias is BF16 [3], expected F16 [3]; carrier.coefficients.codes is U16 [2,3], expected I16 "
      "[2,3]; maps holds id 7, expected less than the 5 rows of token_embed; carrier.basis.scales is not finite at "
      "index 1; selector holds mode 255 at pair 0, expected 0 to 7; \"a\\x0ab\" is unknown");
  const std::string many = Message([](TensorFile& f) {
    for (auto& [name, tensor] : f.tensors) tensor.dtype = "BOOL";
  });
  EXPECT_NE(many.find("; and "), std::string::npos);
  EXPECT_TRUE(many.ends_with(" more")) << many;
}

}  // namespace
}  // namespace kitsink::strict
