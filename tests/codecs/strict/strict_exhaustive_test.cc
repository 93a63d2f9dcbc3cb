// Changes every byte of a small strict archive, cuts it everywhere and makes it longer. Each case must give an error or
// the same integers, within limits of time and memory. KITSINK_EXHAUSTIVE=1 tries every value of every byte.

#include <array>

#include "archive/check_byte.h"
#include "codecs/strict/scene_testlib.h"
#include "exhaustive_testlib.h"

namespace kitsink::strict {
namespace {

using testing::kDifferent;
using testing::kIdentical;
using testing::kRefused;
using testing::Outcome;
using testing::Tally;

struct Archive {
  Scene scene;
  Member parts;
  Bytes member;

  explicit Archive(const testing::StrictSizes& sizes) : scene(testing::SmallStrictScene(sizes, 1)) {
    parts = EncodeScene(scene, 1, CodingContext()).TakeValue();
    member = WriteMember(parts, Limits()).TakeValue();
  }

  const char* RegionOf(size_t byte) const {
    constexpr const char* kNames[] = {"maps", "renderer", "carrier"};
    uint64_t end = HeaderBytes(parts);
    if (byte < end) return "header";
    for (size_t i = 0; i < 3; ++i) {
      if (byte < (end += parts.sections[i].size())) return kNames[i];
    }
    return "cut";
  }

  // The frame size is the header's, and a forged one makes another valid archive.
  Outcome OutcomeOf(Result<Scene> decoded) const {
    if (decoded.ok()) {
      decoded.value().frame_size = scene.frame_size;
      return testing::SameBits(decoded.value(), scene) ? kIdentical : kDifferent;
    }
    testing::ExpectDecent(decoded.error());
    return kRefused;
  }

  Outcome Decode(std::span<const uint8_t> bytes) const {
    const Result<Member> read = ReadMember(bytes, Limits());
    return OutcomeOf(read.ok() ? DecodeScene(read.value(), CodingContext()) : Result<Scene>(read.error()));
  }
};

testing::StrictSizes TinySizes() { return {{12, 9}, {64, 48}, 2, 16, {1}, 3, 2, 2, 2, 3}; }
// As the published scene, with few pairs of small maps.
testing::StrictSizes UsualSizes() { return {{12, 9}, {64, 48}, 2, 96, UsualDilations(4), 5, 8, 12, 24, 32}; }

// The member as in an extracted folder, without the zip's checksum.
TEST(StrictExhaustive, Member) {
  const Archive archive(TinySizes());
  Tally tally("member");
  testing::DamageAll(archive.member, testing::Flips(), [&](size_t byte, const Bytes& damaged) {
    const Outcome outcome = tally.Count(archive.RegionOf(byte), damaged,
                                        [&](std::span<const uint8_t> bytes) { return archive.Decode(bytes); });
    ASSERT_EQ(outcome, kRefused) << "byte " << byte;
  });
}

// With a corrected check byte only the sections' own checks are left: 16 bits, which one in 65536 changes passes.
void Forge(const Archive& archive, std::span<const int> flips, Tally& tally) {
  const auto count = [&](const char* region, Bytes damaged) {
    if (damaged.size() > kCheckByteVersion2) damaged[kCheckByteVersion2] = MemberCheck(damaged, kCheckByteVersion2);
    if (damaged == archive.member) return kIdentical;  // the check byte itself
    return tally.Count(region, damaged, [&](std::span<const uint8_t> bytes) { return archive.Decode(bytes); });
  };
  unsigned long long num_cases = 0;
  testing::DamageAll(archive.member, flips, [&](size_t byte, const Bytes& damaged) {
    const std::string region = archive.RegionOf(byte);
    const Outcome outcome = count(region.c_str(), damaged);
    EXPECT_TRUE(outcome != kDifferent || testing::WantsAll()) << region << ", byte " << byte;
    ++num_cases;
  });
  for (const uint8_t extra : std::initializer_list<uint8_t>{0x00, 0x01, 0x80, 0xff}) {
    Bytes longer = archive.member;
    longer.push_back(extra);
    EXPECT_EQ(count("longer", longer), kRefused);
    longer.resize(longer.size() + 40, extra);
    EXPECT_EQ(count("longer", longer), kRefused);
  }
  EXPECT_LE(tally.count(kDifferent), num_cases / 10'000);
}

TEST(StrictExhaustive, ForgedMember) {
  Tally tally("forged");
  const std::array few = {1, 16, 128, 255};
  const std::vector<int> flips = testing::Flips();
  Forge(Archive(TinySizes()), testing::WantsAll() ? std::span<const int>(flips) : few, tally);
}

TEST(StrictExhaustive, ForgedMemberOfUsualShape) {
  if (!testing::WantsAll()) GTEST_SKIP() << "needs KITSINK_EXHAUSTIVE=1: hours";
  Tally tally("forged, usual shape");
  Forge(Archive(UsualSizes()), std::array{64}, tally);
}

}  // namespace
}  // namespace kitsink::strict
