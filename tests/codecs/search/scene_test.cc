// Codec search's sections: round trip, known bytes, rejection, named tensors.

#include "codecs/search/scene.h"

#include <algorithm>
#include <array>

#include "archive/check_byte.h"
#include "codecs/search/scene_testlib.h"
#include "format_testlib.h"
#include "kitsink/hash.h"

namespace kitsink::search {
namespace {

using testing::SmallScene;

Bytes Encode(const Scene& scene) {
  const Result<Bytes> member = testing::EncodeMember(scene);
  EXPECT_TRUE(member.ok()) << member.error().message;
  return member.value();
}

Result<Scene> Decode(std::span<const uint8_t> member) { return testing::DecodeMember(member); }

// Corrects the check byte, as an attacker would, so that damage reaches the sections' own checks.
Bytes Rechecked(Bytes member) {
  member[kCheckByteVersion1] = MemberCheck(member, kCheckByteVersion1);
  return member;
}

TEST(Scene, ScenesSurvive) {
  Scene scene = SmallScene(1);
  EXPECT_TRUE(Decode(Encode(scene)).value() == scene);
  scene.selectors.tails.clear();
  EXPECT_TRUE(Decode(Encode(scene)).value() == scene);
  scene.frame_size = {640, 4096};
  EXPECT_TRUE(Decode(Encode(scene)).value() == scene);
  scene.pose.kind = TrackKind::kHalfAndBytes;
  for (int32_t& value : scene.pose.values) value += 100;
  scene.pose.minimum = {-1.0F};
  scene.pose.scale = {0.5F};
  EXPECT_TRUE(Decode(Encode(scene)).value() == scene);
}

TEST(Scene, HeaderIsTwelveBytesOrTwenty) {
  Scene scene = SmallScene(2);
  const Bytes member = Encode(scene);
  const Member parts = ReadMember(member, Limits{}).value();
  EXPECT_EQ(HeaderBytes(parts), 12U);
  ASSERT_EQ(parts.sections.size(), 4U);
  size_t all = 12;
  for (const Bytes& section : parts.sections) all += section.size();
  EXPECT_EQ(all, member.size());
  EXPECT_EQ(parts.sections[3].size(), 3U * 7 + 4 + 3 + 1);
  EXPECT_EQ(member[0], 0xb1);
  EXPECT_EQ(member[1], 0x13);
  scene.frame_size = {1164, 872};
  EXPECT_EQ(HeaderBytes(ReadMember(Encode(scene), Limits{}).value()), 20U);
}

TEST(Scene, RejectsEveryWrongField) {
  const Bytes good = Encode(SmallScene(3));
  const auto message = [&good](size_t byte, uint8_t value) {
    Bytes bad = good;
    bad[byte] = value;
    return Decode(Rechecked(bad)).error().message;
  };
  EXPECT_EQ(message(0, 0x50), "archive: header: first byte is 80, not a kitsink archive, at byte 0");
  EXPECT_EQ(message(0, 0xb3), "archive: header: format version 3, this build reads 1 and 2, at byte 0");
  EXPECT_EQ(message(1, 0x33), "archive: header: flags 51 are not those of codec search, at byte 1");
  EXPECT_EQ(message(1, 0x03), "archive: header: flags 3 are not those of codec search, at byte 1");
  EXPECT_EQ(message(1, 0x12), "archive: header: flag 0 and the length of stream r contradict each other, at byte 1");
  EXPECT_EQ(message(1, 0x11), "archive: header: flag 1 contradicts the version of stream p, at byte 1");
  Bytes damaged = good;
  damaged.back() = static_cast<uint8_t>(damaged.back() ^ 1);
  EXPECT_NE(Decode(damaged).error().message.find("the archive is damaged, at byte 11"), std::string::npos);
  EXPECT_EQ(Decode({}).error().message, "archive: header: ends early, at byte 0");
}

TEST(Scene, RejectsDamage) {
  const Scene scene = SmallScene(4);
  const Bytes member = Encode(scene);
  testing::ExpectRejectsWrongLengths(member, Decode);
  testing::ExpectRejectsFlips(member, Decode, scene, testing::kEveryFlip);
}

TEST(Scene, StreamsRejectDamageThatTheCheckByteMisses) {
  Scene scene = SmallScene(5);
  scene.selectors.tails.clear();  // stream r has no other check
  const Bytes member = Encode(scene);
  testing::ExpectRejectsFlips(
      member, [](std::span<const uint8_t> bytes) { return Decode(Rechecked(Bytes(bytes.begin(), bytes.end()))); },
      scene, std::array{16});
}

TEST(Scene, RejectsStreamsThatDisagree) {
  const auto encode_error = [](const Scene& scene) { return testing::EncodeMember(scene).error().message; };
  Scene scene = SmallScene(6);
  scene.pose.num_rows = 6;
  scene.pose.values.resize(12);
  EXPECT_EQ(encode_error(scene), "archive: rows of stream p: got 6, expected the class maps' 7");
  scene = SmallScene(6);
  scene.weights.shape.num_classes = 5;
  EXPECT_EQ(encode_error(scene), "archive: classes of stream w: got 5, expected the class maps' 3");
  scene = SmallScene(6);
  scene.selectors.tails[0].codes.pop_back();
  EXPECT_EQ(encode_error(scene), "archive: codes of tail F1S4B: got 6, expected one per pair, 7");
  scene = SmallScene(6);
  scene.selectors.tails[2].codes.resize(8);
  EXPECT_EQ(encode_error(scene), "archive: codes of tail LCT3B: got 8, expected one per six pairs, 2");
  scene = SmallScene(6);
  scene.frame_size = {0, 5};
  EXPECT_EQ(encode_error(scene), "archive: frames of 0 x 5, expected 1 to 4096");

  // The same when decoding: the pose of a shorter scene in a longer one.
  scene = SmallScene(6);
  scene.selectors.tails.clear();
  const Bytes member = Encode(scene);
  const size_t pose_bytes = ReadMember(member, Limits{}).value().sections[2].size();
  scene.pose.num_rows = 6;
  scene.pose.values.resize(12);
  const Bytes pose = EncodeTrack(scene.pose, Limits{}).value();
  Bytes mixed(member.begin(), member.end() - static_cast<ptrdiff_t>(pose_bytes));
  mixed.insert(mixed.end(), pose.begin(), pose.end());
  mixed[7] = static_cast<uint8_t>(pose.size());
  EXPECT_EQ(Decode(Rechecked(mixed)).error().message, "archive: rows of stream p: got 6, expected the class maps' 7");
}

// What a page shows of each pair: the maps, the poses in real numbers, and the selector codes.
TEST(Scene, DescriptionHoldsMapsAndColumns) {
  const Scene scene = SmallScene(11);
  const Member member = ReadMember(Encode(scene), Limits{}).value();
  const Description description = Describe(member, DescribeDepth::kMeasured, CodingContext()).TakeValue();
  EXPECT_EQ(description.maps, scene.mask);
  const uint32_t num_poses = scene.pose.num_columns;
  ASSERT_EQ(description.columns.size(), num_poses + scene.selectors.tails.size());
  const std::vector<float> poses = DequantizeTrack(scene.pose);
  for (uint32_t i = 0; i < num_poses; ++i) {
    ASSERT_EQ(description.columns[i].values.size(), scene.mask.count);
    EXPECT_EQ(description.columns[i].values[3], poses[3 * num_poses + i]);
    EXPECT_FALSE(description.columns[i].is_code);
  }
  EXPECT_EQ(description.columns[0].name, "pose 0, forward speed");
  ASSERT_FALSE(scene.selectors.tails.empty());
  for (size_t i = 0; i < scene.selectors.tails.size(); ++i) {
    const PairColumn& column = description.columns[num_poses + i];
    const Tail& tail = scene.selectors.tails[i];
    EXPECT_TRUE(column.is_code);
    EXPECT_EQ(column.name, "selector " + std::string(TailTag(tail.kind)));
    EXPECT_EQ(column.pairs_each, tail.kind == TailKind::kLossControl ? 6U : 1U);
    EXPECT_TRUE(std::ranges::equal(column.values, tail.codes));
  }
}

TEST(Scene, DescriptionAddsUpToItsStreams) {
  for (const TrackKind kind : {TrackKind::kUniformStep, TrackKind::kHalfAndBytes}) {
    Scene scene = SmallScene(10);
    scene.pose.kind = kind;
    if (kind == TrackKind::kHalfAndBytes) {
      for (int32_t& value : scene.pose.values) value += 100;
      scene.pose.minimum = scene.pose.scale = {1};
    }
    const Member member = ReadMember(Encode(scene), Limits{}).value();
    const Description description = Describe(member, DescribeDepth::kMeasured, CodingContext()).TakeValue();
    ASSERT_EQ(description.sections.size(), member.sections.size());
    EXPECT_EQ(description.num_pairs, 7U);
    EXPECT_EQ(description.pair_bits.size(), 7U);
    for (size_t i = 0; i < member.sections.size(); ++i) {
      double bits = 0;
      for (const StreamPart& part : description.sections[i].parts) bits += part.bits;
      EXPECT_NEAR(bits / 8, static_cast<double>(member.sections[i].size()), 1e-6) << description.sections[i].name;
      EXPECT_EQ(description.sections[i].size_bytes, member.sections[i].size());
    }
    uint64_t num_weights = 0;
    for (const StreamPart& part : description.sections[1].parts) {
      if (!part.name.ends_with(" scales")) num_weights += part.count;
      EXPECT_GE(part.bits, 0) << part.name;
    }
    EXPECT_EQ(num_weights, CountWeights(GeneratorTensors(scene.weights.shape)));
    EXPECT_NE(description.facts.find("\"num_weights\": " + std::to_string(num_weights)), std::string::npos);
    EXPECT_EQ(description.sections[2].parts.size(), 2U + 1U);
    const Description quick = Describe(member, DescribeDepth::kQuick, CodingContext()).TakeValue();
    EXPECT_TRUE(quick.sections[0].parts.empty());
    EXPECT_EQ(quick.maps, MaskClip());
    EXPECT_TRUE(quick.columns.empty());
    // verify asks for what inflate needs, and no search can use 12 x 8 maps.
    EXPECT_EQ(Describe(member, DescribeDepth::kWhole, CodingContext()).error().code, Code::kUnsupported);
  }
}

TEST(Scene, SaysWhatTheSearchCannotUse) {
  Scene scene = SmallScene(11);
  EXPECT_EQ(CheckSearchable(scene).error().message,
            "archive: class maps of 12 x 8 with 3 classes, the search needs 512 x 384 with 5");
  scene.mask.width = 512;
  scene.mask.height = 384;
  scene.mask.num_classes = 5;
  EXPECT_EQ(CheckSearchable(scene).error().message, "archive: poses of 2 values, the search needs 6");
  scene.pose.num_columns = 6;
  EXPECT_TRUE(CheckSearchable(scene).ok());
}

TEST(Scene, Golden) {
  const Scene scene = SmallScene(9);
  const Bytes zip = PackZip(Encode(scene)).value();
  testing::ExpectGolden("archive.zip", zip);
  // The second was written when version 1 of stream m was the latest.
  for (const char* name : {"archive.zip", "archive_mask_version1.zip"}) {
    const Result<LoadedArchive> archive = LoadArchive(testing::GoldenPath(name), Limits{});
    ASSERT_TRUE(archive.ok()) << archive.error().message;
    EXPECT_TRUE(DecodeScene(archive.value().member, CodingContext()).value() == scene) << name;
    EXPECT_EQ(FormatVersion(archive.value().member), 1);
  }
  EXPECT_EQ(Sha256Hex(scene.mask.ids), "c37a1c406b2f2b4b5a950beb5edbf45a74a8de984e557521f6fae2d13088a04c");
}

// Packing the member's tensors gives the same member.
TEST(Tensors, WhatIsUnpackedPacksToTheSameBytes) {
  for (const bool half_and_bytes : {false, true}) {
    Scene scene = SmallScene(12);
    scene.frame_size = {64, 48};
    if (half_and_bytes) {
      scene.pose.kind = TrackKind::kHalfAndBytes;
      for (int32_t& value : scene.pose.values) value += 100;
      scene.pose.minimum = {-1.0F};
      scene.pose.scale = {0.5F};
    }
    for (const int level : {1, 2, 3}) {
      const Member member = EncodeScene(scene, level, CodingContext()).value();
      const TensorFile file = Unpack(member, CodingContext()).value();
      const TensorFile reread = ReadTensors(WriteTensors(file)).value();
      EXPECT_TRUE(reread == file);
      Member again = Pack(reread, {level}, CodingContext()).value();
      again.frame_size = scene.frame_size;
      EXPECT_TRUE(again == member) << "level " << level;
    }
  }
}

TEST(Tensors, AreListedByName) {
  const TensorFile file = Unpack(EncodeScene(SmallScene(13), 1, CodingContext()).value(), CodingContext()).value();
  EXPECT_EQ(file.Find("maps")->shape, (std::vector<int64_t>{7, 8, 12}));
  EXPECT_EQ(file.Find("maps")->dtype, "U8");
  EXPECT_EQ(file.Find("poses.codes")->dtype, "I32");
  EXPECT_EQ(Int32sOf(*file.Find("poses.steps_per_unit")), std::vector<int32_t>{256});
  EXPECT_EQ(file.Find("generator.shared_trunk.stem_conv.pw.weight.codes")->shape, (std::vector<int64_t>{2, 3, 1, 1}));
  EXPECT_EQ(file.Find("generator.shared_trunk.stem_conv.pw.weight.scales")->dtype, "F16");
  EXPECT_EQ(file.Find("selectors.LCT3B")->shape, std::vector<int64_t>{2});
}

TEST(Tensors, EveryFaultIsNamedInOneSentence) {
  const TensorFile good = Unpack(EncodeScene(SmallScene(14), 1, CodingContext()).value(), CodingContext()).value();
  const auto message = [&good](const auto& edit) {
    TensorFile file = good;
    edit(file);
    const Result<Member> member = Pack(file, {1}, CodingContext());
    EXPECT_FALSE(member.ok());
    return member.ok() ? "" : member.error().message;
  };
  EXPECT_EQ(
      message([](TensorFile& file) {
        file.tensors.erase("maps");
        file.tensors["poses.codes"].dtype = "F32";
        file.tensors["stray"] = MakeTensor({1}, std::array<uint8_t, 1>{});
      }),
      "tensors do not fit the codec: maps is missing; poses.codes is F32 [7,2], expected I32 [any,any]; \"stray\" is "
      "unknown");
  EXPECT_EQ(message([](TensorFile& file) { file.tensors["maps"].data[5] = 3; }),
            "tensors do not fit the codec: maps holds id 3, expected less than the 3 classes of the embedding");
  EXPECT_EQ(message([](TensorFile& file) { file.tensors["selectors.PSEL3"].data[1] = 8; }),
            "tensors do not fit the codec: selectors.PSEL3 holds code 8, expected less than 8");
  EXPECT_EQ(message([](TensorFile& file) { file.tensors["generator.frame1_head.pre.pw.weight.codes"].data[0] = 8; }),
            "tensors do not fit the codec: weights: frame1_head.pre.pw.weight: got FP4 code 8, expected 0 to 15 but 8");
  EXPECT_EQ(message([](TensorFile& file) { file.tensors.erase("generator.shared_trunk.embedding.weight"); }),
            "tensors do not fit the codec: generator.shared_trunk.embedding.weight is missing");
}

}  // namespace
}  // namespace kitsink::search
