// Tests of codec video's sections and tensors: round trip, description, rejection.

#include <numeric>

#include "codecs/video/scene_testlib.h"
#include "format_testlib.h"

namespace kitsink::video {
namespace {

using testing::SmallVideoScene;

Member Encoded(const Scene& scene) {
  Result<Member> member = EncodeScene(scene, CodingContext());
  EXPECT_TRUE(member.ok()) << member.error().message;
  return member.TakeValue();
}

std::string DecodeError(const Member& member, const Limits& limits = Limits()) {
  const Result<Scene> scene = DecodeScene(member, CodingContext{limits});
  return scene.ok() ? "" : scene.error().message;
}

TEST(VideoScene, ComesBackFromSectionsAndFromTensors) {
  for (const size_t num_filters : {0, 1, 2}) {
    for (const StreamCoding coding : {StreamCoding::kAv1, StreamCoding::kHevc}) {
      Scene scene = SmallVideoScene(num_filters, 5 + num_filters, coding);
      scene.frame_size = {640, 480};
      const Member member = Encoded(scene);
      EXPECT_EQ(member.sections.size(), num_filters > 0 ? 2U : 1U);
      EXPECT_TRUE(DecodeScene(member, CodingContext()).value() == scene);
      Result<Member> packed = Pack(Unpack(member, CodingContext()).value(), {3, scene.frame_size}, CodingContext());
      ASSERT_TRUE(packed.ok()) << packed.error().message;
      EXPECT_TRUE(packed.value() == member);
    }
  }
}

// The bytes of an archive with two filters. UPDATE_GOLDEN=1 rewrites the file; check the diff.
TEST(VideoScene, BytesAreGolden) {
  const Bytes member = WriteMember(Encoded(SmallVideoScene(2, 1)), Limits()).value();
  testing::ExpectGolden("video.zip", PackZip(member).value());
}

TEST(VideoScene, DescribesItsSections) {
  const Member member = Encoded(SmallVideoScene(2, 1));
  const Description description = Describe(member, DescribeDepth::kMeasured, CodingContext()).value();
  EXPECT_EQ(description.num_pairs, 3U);
  ASSERT_EQ(description.sections.size(), 2U);
  EXPECT_EQ(description.sections[0].what, "AV1, 7 pictures of 96 x 64, 36.0 bytes each");
  EXPECT_TRUE(description.sections[1].what.starts_with("4230 weights, 8 and 16 channels for f0 and f1"))
      << description.sections[1].what;
  for (size_t i = 0; i < 2; ++i) {
    double bits = 0;
    for (const StreamPart& part : description.sections[i].parts) bits += part.bits;
    EXPECT_NEAR(bits, 8.0 * static_cast<double>(member.sections[i].size()), 1e-6);
  }
}

TEST(VideoScene, RefusesWhatIsOutOfRange) {
  const auto error = [](const auto& change) {
    Scene scene = SmallVideoScene(1, 1);
    change(scene);
    const Result<Member> member = EncodeScene(scene, CodingContext());
    return member.ok() ? "" : member.error().message;
  };
  EXPECT_EQ(error([](Scene& scene) { scene.stream.size.width = 97; }),
            "stream: pictures of 97 x 64, expected even sides, 16 x 16 to 512 x 384");
  EXPECT_EQ(error([](Scene& scene) { scene.stream.size.height = 386; }),
            "stream: pictures of 96 x 386, expected even sides, 16 x 16 to 512 x 384");
  EXPECT_EQ(error([](Scene& scene) { scene.stream.num_pairs = 0; }), "stream: 0 pairs, expected 1 or more");
  EXPECT_EQ(error([](Scene& scene) { scene.stream.bytes.clear(); }), "stream: holds no units, expected pictures");
  EXPECT_EQ(error([](Scene& scene) { scene.stream.num_pairs = 65536; }), "stream: 65536 pairs, limit 65535");
  EXPECT_EQ(error([](Scene& scene) { scene.filters[0].width = 72; }),
            "filter: 72 channels, expected a multiple of 8 up to 64");
  EXPECT_EQ(error([](Scene& scene) { scene.filters[0].tensors.pop_back(); }), "filter: got 5 tensors, expected 6");
  EXPECT_EQ(error([](Scene& scene) { scene.filters.resize(3, scene.filters[0]); }),
            "filter: got 3 filters, expected at most 2");
}

TEST(VideoScene, EveryDamagedByteIsAnError) {
  const Member member = Encoded(SmallVideoScene(1, 1));
  for (size_t section = 0; section < 2; ++section) {
    for (size_t at = 0; at < member.sections[section].size(); ++at) {
      for (const int flip : {1, 128}) {
        Member damaged = member;
        damaged.sections[section][at] ^= static_cast<uint8_t>(flip);
        // The size of the pictures is checked when they are decoded.
        if (section == 0 && (at == 1 || at == 2)) continue;
        EXPECT_NE(DecodeError(damaged), "") << "section " << section << " byte " << at << " flip " << flip;
      }
      Member cut = member;
      cut.sections[section].resize(at);
      EXPECT_NE(DecodeError(cut), "") << "section " << section << " cut at " << at;
    }
  }
}

// What other programs write around the units that a decoder needs.
TEST(VideoScene, PacksForeignStreams) {
  const Bytes delimiters[] = {{0x12, 0x00}, {0, 0, 0, 1, 0x46, 1, 0x50}};
  for (const StreamCoding coding : {StreamCoding::kAv1, StreamCoding::kHevc}) {
    const Scene scene = SmallVideoScene(0, 1, coding);
    Scene foreign = scene;
    const Bytes& delimiter = delimiters[static_cast<size_t>(coding)];
    foreign.stream.bytes.insert(foreign.stream.bytes.begin(), delimiter.begin(), delimiter.end());
    const Result<Member> member = EncodeScene(foreign, CodingContext());
    ASSERT_FALSE(member.ok());
    EXPECT_TRUE(member.error().message.starts_with("stream: ")) << member.error().message;
    const Result<Member> packed = Pack(TensorsOf(foreign), {3, scene.frame_size}, CodingContext());
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    EXPECT_TRUE(packed.value() == Encoded(scene));
  }
}

TEST(VideoScene, RefusesStreamsOfOtherUnits) {
  const auto error = [](StreamCoding coding, const auto& change) {
    Scene scene = SmallVideoScene(0, 1, coding);
    change(scene.stream);
    const Result<Member> member = EncodeScene(scene, CodingContext());
    return member.ok() ? "" : member.error().message;
  };
  for (const StreamCoding coding : {StreamCoding::kAv1, StreamCoding::kHevc}) {
    EXPECT_EQ(error(coding, [](Stream& stream) { stream.num_pairs = 4; }),
              "stream: pictures that its units show: 7, expected 9");
    EXPECT_EQ(error(coding, [](Stream& stream) { stream.lead = false; }),
              "stream: pictures that its units show: 7, expected 6");
    EXPECT_NE(error(coding, [](Stream& stream) { stream.bytes.assign(100, 0); }), "");
    EXPECT_NE(error(coding,
                    [](Stream& stream) {
                      stream.coding = stream.coding == StreamCoding::kAv1 ? StreamCoding::kHevc : StreamCoding::kAv1;
                    }),
              "");
  }
  EXPECT_EQ(error(StreamCoding::kAv1, [](Stream& stream) { stream.bytes.pop_back(); }).substr(0, 36),
            "stream: picture 6: an OBU of 20 byte");
  EXPECT_EQ(error(StreamCoding::kHevc, [](Stream& stream) { stream.bytes.push_back(0); }),
            "stream: holds units or bytes that no decoder needs");
}

TEST(VideoScene, RefusesMembersOfAnotherShape) {
  Member member = Encoded(SmallVideoScene(1, 1));
  member.sections[0][0] = 2;
  EXPECT_EQ(DecodeError(member), "stream: coding 2, expected 0 or 1, at byte 0");
  member = Encoded(SmallVideoScene(1, 1));
  member.sections.resize(3);
  EXPECT_EQ(DecodeError(member), "archive: header: got 3 sections, expected 1 or 2, at byte 1");
  member = Encoded(SmallVideoScene(1, 1));
  member.sections[1][0] = 0;
  EXPECT_EQ(DecodeError(member), "filter: head 0 is none of a filter, at byte 0");
  Limits limits;
  limits.max_pairs = 2;
  EXPECT_EQ(DecodeError(Encoded(SmallVideoScene(1, 1)), limits), "stream: 3 pairs, limit 2");
}

TEST(VideoScene, NamesAllThatIsWrongWithTensors) {
  TensorFile file = TensorsOf(SmallVideoScene(1, 1));
  file.tensors.erase("stream.head");
  file.tensors.erase("filter.0.conv2.bias");
  EXPECT_TRUE(SceneOfTensors(TensorsOf(SmallVideoScene(1, 1)), Limits()).ok());
  file.tensors["other"] = MakeTensor({1}, std::span<const uint8_t>(std::array{uint8_t{1}}));
  const Result<Scene> scene = SceneOfTensors(file, Limits());
  ASSERT_FALSE(scene.ok());
  for (const char* part : {"stream.head", "filter.0.conv2.bias", "other"}) {
    EXPECT_NE(scene.error().message.find(part), std::string::npos) << scene.error().message;
  }
}

}  // namespace
}  // namespace kitsink::video
