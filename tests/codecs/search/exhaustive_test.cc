// Changes every byte of a small archive, and cuts it everywhere. Each case must give an error or the same integers,
// within limits of time and memory. KITSINK_EXHAUSTIVE=1 uses maps of full size and every value of every byte.

#include <array>

#include "archive/check_byte.h"
#include "codecs/search/scene_testlib.h"
#include "exhaustive_testlib.h"

namespace kitsink::search {
namespace {

using testing::DamageAll;
using testing::Flips;
using testing::kDifferent;
using testing::kIdentical;
using testing::kRefused;
using testing::Outcome;
using testing::Tally;
using testing::WantsAll;

// Four pairs: a road, lanes and two moving objects with ragged edges.
Scene FourPairs(uint32_t width, uint32_t height) {
  testing::Random random(4);
  Scene scene;
  scene.mask = {width, height, 4, 5, {}};
  for (uint32_t t = 0; t < 4; ++t) {
    for (uint32_t y = 0; y < height; ++y) {
      for (uint32_t x = 0; x < width; ++x) {
        const uint32_t ragged = x + 2 * t + random.Below(16) / 15;
        const bool road = y > height / 3 && ragged > width / 2 - y / 2 && ragged < width / 2 + y / 2;
        const bool car = ragged % (width / 2) < width / 8 && y > height / 4 && y < height / 2;
        scene.mask.ids.push_back(y > height - height / 8 ? 4 : car ? 3 : road ? (ragged / 5 % 3 == 0 ? 1 : 0) : 2);
      }
    }
  }
  scene.pose.num_rows = 4;
  scene.pose.num_columns = 6;
  for (int i = 0; i < 4 * 6; ++i) scene.pose.values.push_back(static_cast<int32_t>(random.Below(200)) - 100);
  scene.weights = testing::RandomWeights({5, 1, 2, 2, 2, 2, 6}, 4);
  scene.selectors.tails = {{TailKind::kStartSeed, {1, 0, 15, 7}}, {TailKind::kLossControl, {3}}};
  return scene;
}

struct Archive {
  Scene scene;
  Bytes member, zip;
  Member parts;

  Archive(uint32_t width, uint32_t height, int level) : scene(FourPairs(width, height)) {
    member = testing::EncodeMember(scene, level).TakeValue();
    zip = PackZip(member).value();
    parts = ReadMember(member, Limits{}).value();
  }

  const char* RegionOf(size_t byte) const {
    const std::array<std::pair<const char*, uint64_t>, 5> regions = {{{"header", HeaderBytes(parts)},
                                                                      {"stream m", parts.sections[0].size()},
                                                                      {"stream w", parts.sections[1].size()},
                                                                      {"stream p", parts.sections[2].size()},
                                                                      {"stream r", parts.sections[3].size()}}};
    uint64_t end = 0;
    for (const auto& [name, size_bytes] : regions) {
      if (byte < (end += size_bytes)) return name;
    }
    return "zip";
  }
};

Outcome OutcomeOf(const Result<Scene>& scene, const Archive& archive) {
  if (scene.ok()) return scene.value() == archive.scene ? kIdentical : kDifferent;
  testing::ExpectDecent(scene.error());
  return kRefused;
}

Result<Scene> Decode(std::span<const uint8_t> member) { return testing::DecodeMember(member); }

TEST(Exhaustive, Zip) {
  const Archive archive(48, 32, 2);
  Tally tally("zip");
  const auto decode = [&archive](std::span<const uint8_t> zip) {
    const Result<Bytes> member = UnpackZip(zip, Limits{});
    // An equal member gives an equal scene, so it is not decoded again.
    if (member.ok() && member.value() == archive.member) return kIdentical;
    return OutcomeOf(member.ok() ? Decode(member.value()) : Result<Scene>(member.error()), archive);
  };
  constexpr size_t kLocalHeader = 31;
  DamageAll(archive.zip, Flips(), [&](size_t byte, const Bytes& damaged) {
    const bool cut = byte == archive.zip.size();
    const char* const region = cut ? "cut" : byte < kLocalHeader ? "zip" : archive.RegionOf(byte - kLocalHeader);
    const Outcome outcome = tally.Count(region, damaged, decode);
    ASSERT_NE(outcome, kDifferent) << "byte " << byte;
    ASSERT_TRUE(!cut || outcome == kRefused) << "cut to " << damaged.size();
  });
}

// The member as in an extracted folder, without the zip's checksum.
void DamageMember(const Archive& archive, Tally& tally) {
  const auto decode = [&archive](std::span<const uint8_t> member) { return OutcomeOf(Decode(member), archive); };
  DamageAll(archive.member, Flips(), [&](size_t byte, const Bytes& damaged) {
    const char* const region = byte == archive.member.size() ? "cut" : archive.RegionOf(byte);
    ASSERT_EQ(tally.Count(region, damaged, decode), kRefused) << "byte " << byte;
  });
}

TEST(Exhaustive, Member) {
  Tally tally("member");
  DamageMember(Archive(48, 32, 2), tally);
}

TEST(Exhaustive, MemberAtLevelCtw) {
  Tally tally("member, level ctw");
  DamageMember(Archive(48, 32, kCtwLevel), tally);
}

// The member with a corrected check byte, so that only the streams' own checks are left. Stream r has no check: an
// attacker can change it freely, just as a whole archive.
void Forge(const Archive& archive, std::span<const int> flips, Tally& tally) {
  const auto decode = [&archive](std::span<const uint8_t> member) { return OutcomeOf(Decode(member), archive); };
  DamageAll(archive.member, flips, [&](size_t byte, Bytes damaged) {
    if (damaged.size() > kCheckByteVersion1) damaged[kCheckByteVersion1] = MemberCheck(damaged, kCheckByteVersion1);
    if (damaged == archive.member) return;  // the check byte itself
    const bool cut = byte == archive.member.size();
    const std::string region = cut ? "cut" : archive.RegionOf(byte);
    const Outcome outcome = tally.Count(region.c_str(), damaged, decode);
    // Motion of nothing can be coded in several ways, with the same maps and checksum.
    ASSERT_TRUE(outcome == kRefused || region == "stream r" || (region == "stream m" && outcome == kIdentical))
        << region << ", byte " << byte;
  });
}

TEST(Exhaustive, ForgedMember) {
  Tally tally("forged");
  const std::array few = {1, 16, 128, 255};
  Forge(Archive(48, 32, 2), WantsAll() ? std::span<const int>(testing::kEveryFlip) : few, tally);
}

TEST(Exhaustive, ForgedMemberAtLevelCtw) {
  Tally tally("forged, level ctw");
  const std::array few = {1, 255};
  Forge(Archive(48, 32, kCtwLevel), WantsAll() ? std::span<const int>(testing::kEveryFlip) : few, tally);
}

TEST(Exhaustive, ForgedMemberOfFullSize) {
  if (!WantsAll()) GTEST_SKIP() << "needs KITSINK_EXHAUSTIVE=1: minutes";
  Tally tally("forged, full size");
  Forge(Archive(512, 384, 2), std::array{64}, tally);
}

}  // namespace
}  // namespace kitsink::search
