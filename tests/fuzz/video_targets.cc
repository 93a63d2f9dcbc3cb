// Fuzz target of codec video, and its seeds.

#include "codecs/video/scene_testlib.h"
#include "fuzz/fuzz_checks.h"
#include "fuzz/fuzz_targets.h"

namespace kitsink::fuzz {
namespace {

CodingContext SmallContext() {
  CodingContext context{SmallLimits()};
  context.limits.max_pairs = 64;
  return context;
}

// Where the checksum of a section lies: in the stream's section behind three numbers, in the filter's behind its heads.
size_t ChecksumAt(size_t section, std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  if (section == 0) {
    reader.U8();
    for (int i = 0; i < 3; ++i) reader.Leb128();
  } else {
    while ((reader.U8() & 0x80) != 0) continue;
  }
  return reader.position();
}

// An accepted scene must be encoded, and come back to the bit.
void CheckScene(const video::Scene& scene, const CodingContext& context) {
  const Result<Member> again = video::EncodeScene(scene, context);
  KIT_CHECK(again.ok());
  KIT_CHECK(video::DecodeScene(again.value(), context).value() == scene);
  const PackOptions options{1, scene.frame_size};
  KIT_CHECK(video::Pack(video::Unpack(again.value(), context).value(), options, context).value() == again.value());
  KIT_CHECK(video::Describe(again.value(), DescribeDepth::kMeasured, context).ok());
}

}  // namespace

void Video(std::span<const uint8_t> bytes) {
  const CodingContext context = SmallContext();
  Result<Member> member = ReadMember(Rechecked(bytes), context.limits);
  if (!member.ok()) return ExpectDecent(member.error());
  if (member.value().codec != video::kCodecId) return;
  std::vector<Bytes>& sections = member.value().sections;
  Result<video::Scene> scene = video::DecodeScene(member.value(), context);
  for (size_t i = 0; i < sections.size() && !scene.ok(); ++i) {
    ExpectDecent(scene.error());
    const std::optional<uint32_t> checksum = ComputedChecksum(scene.error());
    if (!checksum.has_value()) return;
    const size_t section = scene.error().message.starts_with("stream") ? 0 : 1;
    Patch(sections[section], ChecksumAt(section, sections[section]), *checksum, section == 0 ? 4 : 2);
    scene = video::DecodeScene(member.value(), context);
  }
  if (!scene.ok()) {
    KIT_CHECK(!ComputedChecksum(scene.error()).has_value());
    return ExpectDecent(scene.error());
  }
  CheckScene(scene.value(), context);
}

std::vector<Bytes> VideoSeeds() {
  std::vector<Bytes> seeds;
  for (size_t num_filters = 0; num_filters < 3; ++num_filters) {
    const video::Scene scene = testing::SmallVideoScene(num_filters, 1 + num_filters);
    seeds.push_back(WriteMember(video::EncodeScene(scene, CodingContext()).value(), Limits{}).value());
  }
  return seeds;
}

}  // namespace kitsink::fuzz
