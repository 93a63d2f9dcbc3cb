// Codec hnerv's sections and tensors: round trip, edges, known bytes, rejection.

#include <nlohmann/json.hpp>

#include "archive/check_byte.h"
#include "codecs/hnerv/foreign_writers.h"
#include "codecs/hnerv/scene_testlib.h"
#include "format_testlib.h"
#include "kitsink/hash.h"

namespace kitsink::hnerv {
namespace {

using testing::HnervParts;
using testing::Must;
using testing::SmallHnervScene;

// Through the header's bytes and back.
Result<Scene> Decode(const Member& member) {
  KIT_ASSIGN(const Bytes bytes, WriteMember(member, Limits()));
  KIT_ASSIGN(const Member reread, ReadMember(bytes, Limits()));
  EXPECT_TRUE(reread == member);
  return DecodeScene(reread, CodingContext());
}

void ExpectSurvives(const Scene& scene, const std::string& what) {
  SCOPED_TRACE(what);
  const Result<Member> member = EncodeScene(scene, CodingContext());
  ASSERT_TRUE(member.ok()) << member.error().message;
  Scene without_decoder = scene;
  without_decoder.tensors.clear();
  EXPECT_EQ(EncodeLatentsSection(without_decoder), member.value().sections[1]);
  const Result<Scene> decoded = Decode(member.value());
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_TRUE(decoded.value() == scene);
  TensorFile file = TensorsOf(scene);
  Scene packed = Must(SceneOfTensors(file, Limits()));
  packed.frame_size = scene.frame_size;
  EXPECT_TRUE(packed == scene);
  const Result<Member> again = Pack(file, {.frame_size = scene.frame_size}, CodingContext());
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(again.value() == member.value());
}

TEST(HnervScene, EveryPartSurvives) {
  for (int parts = 0; parts < 16; ++parts) {
    const HnervParts chosen{(parts & 1) != 0, (parts & 2) != 0, (parts & 4) != 0 && (parts & 8) == 0, (parts & 8) != 0};
    ExpectSurvives(SmallHnervScene(static_cast<uint64_t>(parts), chosen), "parts " + std::to_string(parts));
  }
}

TEST(HnervScene, EdgesSurvive) {
  ExpectSurvives(SmallHnervScene(20, {}, 1), "one pair");
  ExpectSurvives(SmallHnervScene(21, {}, 600), "the usual number of pairs");
  Scene scene = SmallHnervScene(22);
  scene.frame_size = {64, 48};
  scene.latents.correction_unit = 0.0095F;
  ExpectSurvives(scene, "small frames, another unit");
  for (Int8Tensor& tensor : scene.tensors) tensor.codes.assign(tensor.codes.size(), 0);
  scene.latents.codes.assign(scene.latents.codes.size(), 0);
  ExpectSurvives(scene, "zeros");
}

TEST(HnervScene, PublishedShapeSurvives) {
  const Scene scene = testing::PublishedScene(1, true, true);
  const Member member = Must(EncodeScene(scene, CodingContext()));
  EXPECT_TRUE(Must(Decode(member)) == scene);
}

TEST(HnervScene, Describes) {
  const Scene scene = SmallHnervScene(23);
  const Member member = Must(EncodeScene(scene, CodingContext()));
  for (const DescribeDepth depth : {DescribeDepth::kQuick, DescribeDepth::kWhole, DescribeDepth::kMeasured}) {
    const Description description = Must(Describe(member, depth, CodingContext()));
    EXPECT_EQ(description.num_pairs, 6U);
    ASSERT_EQ(description.sections.size(), 2U);
    const nlohmann::json facts = nlohmann::json::parse(description.facts);
    EXPECT_TRUE(facts["foreign"].is_null());
    EXPECT_EQ(facts["decoder"]["channels"].get<std::vector<int>>(), (std::vector<int>{4, 4, 3, 3, 2, 2, 2}));
    EXPECT_EQ(facts["frames"]["offsets"][1][2].get<double>(), 31.75);
    EXPECT_EQ(description.columns.empty(), depth != DescribeDepth::kMeasured);
    for (size_t i = 0; i < 2; ++i) {
      const SectionUse& section = description.sections[i];
      EXPECT_EQ(section.size_bytes, member.sections[i].size());
      EXPECT_NE(section.what, "");
      if (depth != DescribeDepth::kMeasured) continue;
      double bits = 0;
      for (const StreamPart& part : section.parts) bits += part.bits;
      EXPECT_NEAR(bits, 8 * static_cast<double>(section.size_bytes), 0.01);
    }
  }
  const std::vector<PairColumn> columns = Must(Describe(member, DescribeDepth::kMeasured, CodingContext())).columns;
  ASSERT_EQ(columns.size(), 5U + 2 + 1);
  for (const PairColumn& column : columns) EXPECT_EQ(column.values.size(), 6U) << column.name;
  EXPECT_EQ(columns.back().values[3], scene.selector[3]);
}

TEST(HnervScene, DescribesAnotherProgramsArchive) {
  const Scene scene = SmallHnervScene(24, {false, false, false});
  Member member{.codec = kCodecId, .sections = {testing::WriteV1(scene)}, .foreign = true};
  const Description description = Must(Describe(member, DescribeDepth::kMeasured, CodingContext()));
  EXPECT_EQ(nlohmann::json::parse(description.facts)["foreign"], "v1");
  EXPECT_EQ(description.sections.size(), 3U);
  EXPECT_EQ(HeaderBytes(member), 0U);
  EXPECT_EQ(FormatVersion(member), 0);
  EXPECT_EQ(WriteMember(member, Limits()).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(Must(DecodeScene(member, CodingContext())) == scene);
}

TEST(HnervScene, LoadsAnotherProgramsArchive) {
  testing::TemporaryFolder folder;
  const Bytes bytes = testing::WriteV1(SmallHnervScene(25, {false, false, false}));
  const Bytes zip = Must(PackZip(bytes));
  ASSERT_TRUE(WriteFile(folder / "a.zip", zip, Overwrite::kRefuse).ok());
  EXPECT_EQ(LoadArchive(folder / "a.zip", Limits()).error().code, Code::kCorrupt);
  const auto no_codec = [](std::span<const uint8_t>) { return CodecId{0}; };
  EXPECT_EQ(LoadArchive(folder / "a.zip", Limits(), no_codec).error().code, Code::kCorrupt);
  const LoadedArchive archive =
      Must(LoadArchive(folder / "a.zip", Limits(), [](std::span<const uint8_t>) { return kCodecId; }));
  EXPECT_TRUE(archive.member.foreign && archive.member.codec == kCodecId);
  EXPECT_EQ(archive.member.sections, std::vector<Bytes>{bytes});
  EXPECT_EQ(archive.sha256, Sha256Hex(zip));
}

TEST(HnervScene, Golden) {
  const Scene scene = SmallHnervScene(26);
  testing::ExpectGolden("hnerv.zip",
                        Must(PackZip(Must(WriteMember(Must(EncodeScene(scene, CodingContext())), Limits())))));
  const LoadedArchive archive = Must(LoadArchive(testing::GoldenPath("hnerv.zip"), Limits()));
  EXPECT_TRUE(Must(DecodeScene(archive.member, CodingContext())) == scene);
}

// The encoder of the member is another program's, so only the reading is pinned.
TEST(HnervScene, GoldenOfAnotherProgram) {
  const Scene scene = SmallHnervScene(27, {false, false, false});
  const char* const update = std::getenv("UPDATE_GOLDEN");
  if (update != nullptr) testing::ExpectGolden("hnerv_v1.zip", Must(PackZip(testing::WriteV1(scene))));
  const LoadedArchive archive = Must(
      LoadArchive(testing::GoldenPath("hnerv_v1.zip"), Limits(), [](std::span<const uint8_t>) { return kCodecId; }));
  EXPECT_TRUE(Must(DecodeScene(archive.member, CodingContext())) == scene);
}

TEST(HnervScene, RejectsScenesThatDoNotFit) {
  const auto message = [](const std::function<void(Scene&)>& change) {
    Scene scene = SmallHnervScene(28);
    change(scene);
    const Result<Member> member = EncodeScene(scene, CodingContext());
    if (member.ok()) return std::string("accepted");
    EXPECT_NE(member.error().code, Code::kCorrupt);
    testing::ExpectDecent(member.error());
    return member.error().message;
  };
  EXPECT_EQ(message([](Scene&) {}), "accepted");
  EXPECT_EQ(message([](Scene& s) { s.tensors.pop_back(); }), "decoder: tensors: got 25, expected 26");
  EXPECT_EQ(message([](Scene& s) { s.tensors[1].codes.pop_back(); }),
            "decoder: stem.bias: got 191 codes, expected 192");
  EXPECT_EQ(message([](Scene& s) { s.tensors[1].codes[0] = -128; }),
            "decoder: stem.bias: got a code of -128, expected -127 to 127");
  EXPECT_EQ(message([](Scene& s) { s.tensors[1].scale = -1; }),
            "decoder: stem.bias: its scale is not positive and finite");
  EXPECT_EQ(message([](Scene& s) { s.shape.channels[6] = 1; }), "decoder: channels: got 1, expected 2 to 512");
  EXPECT_EQ(message([](Scene& s) { s.latents.codes.pop_back(); }), "latents: codes: got 29, expected 30");
  EXPECT_EQ(message([](Scene& s) { s.selector.pop_back(); }), "frames: selector: got 5 modes, expected 6");
  EXPECT_EQ(message([](Scene& s) { s.selector[2] = 16; }), "frames: selector: got mode 16, expected 0 to 15");
  for (const float offset : {0.1F, 32.0F, -32.25F, std::numeric_limits<float>::infinity(), std::nanf("")}) {
    EXPECT_EQ(message([&](Scene& s) { s.offsets[1][0] = offset; }),
              "frames: an offset is no quarter of a grey level from -32 to 31.75");
  }
  EXPECT_EQ(message([](Scene& s) { s.chain = FrameChain::kPreimage; }), "frames: a pre-image takes no offsets");
  EXPECT_EQ(message([](Scene& s) { s.chain = FrameChain::kPreimage, s.offsets = {}, s.frame_size.width = 1023; }),
            "frames: a pre-image needs frames of at least 1024 x 768, got 1023 x 874");
  EXPECT_EQ(message([](Scene& s) { s.latents = testing::SmallLatents(6, 4, 1, false), s.selector = {}; }),
            "latents: dimensions: got 4, expected 5 as the stem has columns");
}

TEST(HnervScene, RejectsTensorsThatDoNotFit) {
  const auto message = [](const std::function<void(std::map<std::string, FileTensor>&)>& change) {
    TensorFile file = TensorsOf(SmallHnervScene(29));
    change(file.tensors);
    const Result<Scene> scene = SceneOfTensors(file, Limits());
    if (scene.ok()) return std::string("accepted");
    EXPECT_EQ(scene.error().code, Code::kInvalidArgument);
    testing::ExpectDecent(scene.error());
    return scene.error().message;
  };
  using Tensors = std::map<std::string, FileTensor>;
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos ? std::string() : text;
  };
  EXPECT_EQ(
      has(message([](Tensors& t) { t.erase("decoder.stem.weight.codes"); }), "decoder.stem.weight.codes is missing"),
      "");
  EXPECT_EQ(has(message([](Tensors& t) { t.erase("decoder.rgb_1.bias.scale"), t.erase("latents.minima"); }),
                "decoder.rgb_1.bias.scale is missing; latents.minima is missing"),
            "");
  EXPECT_EQ(has(message([](Tensors& t) { t["decoder.more"] = t["latents.scales"]; }), "decoder.more"), "");
  EXPECT_EQ(
      has(message([](Tensors& t) { t.erase("latents.corrections.steps"); }), "latents.corrections.steps is missing"),
      "");
  EXPECT_EQ(
      has(message([](Tensors& t) { t["latents.corrections.dims"].data[0] = 77; }), "a correction of dimension 77"), "");
  EXPECT_EQ(has(message([](Tensors& t) { t["selector"].data[0] = 16; }), "got mode 16"), "");
  EXPECT_EQ(has(message([](Tensors& t) { t["decoder.stem.bias.codes"].data[0] = 0x80; }), "stem.bias: got a code"), "");
  EXPECT_EQ(has(message([](Tensors& t) { t["frames.preimage"] = MakeTensor({1}, std::span<const uint8_t>(Bytes{2})); }),
                "frames.preimage is 2, expected 0 or 1"),
            "");
  EXPECT_EQ(has(message([](Tensors& t) {
                  t["decoder.blocks.3.weight.codes"].shape = {8, 27};
                }),
                "decoder.blocks.3.weight.codes does not have 4 dimensions"),
            "");
}

TEST(HnervScene, RejectsOtherSections) {
  const Member good = Must(EncodeScene(SmallHnervScene(30), CodingContext()));
  const auto error = [&good](const std::function<void(std::vector<Bytes>&)>& change) {
    Member member = good;
    change(member.sections);
    const Result<Scene> scene = Decode(member);
    if (scene.ok()) return std::string("accepted");
    testing::ExpectDecent(scene.error());
    EXPECT_TRUE(scene.error().code == Code::kCorrupt || scene.error().code == Code::kUnsupported);
    return scene.error().message;
  };
  using Sections = std::vector<Bytes>;
  EXPECT_EQ(error([](Sections& s) { s.pop_back(); }), "archive: header: got 1 sections, expected 2, at byte 1");
  EXPECT_EQ(error([](Sections& s) { s.push_back({1}); }), "archive: header: got 3 sections, expected 2, at byte 1");
  EXPECT_EQ(error([](Sections& s) { s[0].clear(); }), "decoder: ends early, at byte 0");
  EXPECT_EQ(error([](Sections& s) { s[1].resize(1); }), "latents: ends early, at byte 1");
  EXPECT_NE(error([](Sections& s) { std::swap(s[0], s[1]); }), "accepted");
}

// With a corrected check byte only the sections' own checks are left.
TEST(HnervScene, RejectsEveryCutAndFlip) {
  const Scene scene = testing::TinyHnervScene(31, {});
  const Bytes bytes = Must(WriteMember(Must(EncodeScene(scene, CodingContext())), Limits()));
  const auto decode = [](std::span<const uint8_t> damaged) -> Result<Scene> {
    Bytes rechecked(damaged.begin(), damaged.end());
    if (rechecked.size() > kCheckByteVersion2) {
      rechecked[kCheckByteVersion2] = MemberCheck(rechecked, kCheckByteVersion2);
    }
    KIT_ASSIGN(const Member member, ReadMember(rechecked, Limits()));
    if (member.codec != kCodecId) return Error{Code::kUnsupported, "archive: is of another codec"};
    return DecodeScene(member, CodingContext());
  };
  testing::ExpectRejectsWrongLengths(bytes, decode);
  testing::ExpectRejectsFlips(bytes, decode, scene, std::array{16});
}

}  // namespace
}  // namespace kitsink::hnerv
