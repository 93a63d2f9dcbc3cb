// Fuzz targets of codec hnerv and of other programs' members that it reads, and their seeds.

#include <algorithm>

#include "codecs/hnerv/foreign/foreign.h"
#include "codecs/hnerv/foreign_writers.h"
#include "fuzz/fuzz_checks.h"
#include "fuzz/fuzz_targets.h"

namespace kitsink::fuzz {
namespace {

using testing::TinyHnervScene;

CodingContext SmallContext() {
  CodingContext context{SmallLimits()};
  context.limits.max_pairs = 64;
  return context;
}

// An accepted scene must be encoded, and come back unchanged.
void CheckScene(const hnerv::Scene& scene, const CodingContext& context) {
  const Result<Member> again = hnerv::EncodeScene(scene, context);
  KIT_CHECK(again.ok());
  KIT_CHECK(hnerv::DecodeScene(again.value(), context).value() == scene);
  PackOptions options;
  options.frame_size = scene.frame_size;
  KIT_CHECK(hnerv::Pack(hnerv::TensorsOf(scene), options, context).value() == again.value());
  KIT_CHECK(hnerv::Describe(again.value(), DescribeDepth::kMeasured, context).ok());
}

void ReadAsForeign(std::span<const uint8_t> bytes) {
  const CodingContext context = SmallContext();
  const Result<hnerv::ForeignScene> foreign = hnerv::ReadForeign(bytes, context.limits);
  if (!foreign.ok()) return ExpectDecent(foreign.error());
  KIT_CHECK(hnerv::RecognisesForeign(bytes));
  CheckScene(foreign.value().scene, context);
}

}  // namespace

void Foreign(std::span<const uint8_t> bytes) {
  ReadAsForeign(bytes);
  // A fuzzer changes compressed parts to nothing but damaged ones, so it may also give what they decompress to.
  for (const size_t count : {3, 4}) {
    std::vector<Bytes> parts;
    for (const std::span<const uint8_t> part : hnerv::SplitParts(bytes, count)) {
      const bool scales = count == 4 && parts.size() == 1;
      parts.push_back(scales ? Bytes(part.begin(), part.end()) : testing::Brotli(part, 1));
    }
    if (!parts.empty()) ReadAsForeign(testing::JoinParts(parts));
  }
}

void Hnerv(std::span<const uint8_t> bytes) {
  const CodingContext context = SmallContext();
  Result<Member> member = ReadMember(Rechecked(bytes), context.limits);
  if (!member.ok()) return ExpectDecent(member.error());
  if (member.value().codec != hnerv::kCodecId) return;
  const Result<Description> quick = hnerv::Describe(member.value(), DescribeDepth::kQuick, context);
  Result<hnerv::Scene> scene = hnerv::DecodeScene(member.value(), context);
  KIT_CHECK(quick.ok() || !scene.ok());
  for (int corrected = 0; corrected < 2 && !scene.ok(); ++corrected) {
    const std::optional<uint32_t> checksum = ComputedChecksum(scene.error());
    if (!checksum.has_value()) break;
    Patch(member.value().sections[scene.error().message.starts_with("decoder") ? 0 : 1], 0, *checksum, 2);
    scene = hnerv::DecodeScene(member.value(), context);
  }
  if (!scene.ok()) return ExpectDecent(scene.error());
  CheckScene(scene.value(), context);
}

std::vector<Bytes> ForeignSeeds() {
  const hnerv::Scene scene = TinyHnervScene(1, {false, false, false});
  const std::string settings = testing::SettingsText(scene);
  const Bytes text(settings.begin(), settings.end());
  return {testing::WriteV1(scene),
          testing::JoinParts({text, testing::NamedTensors(scene), testing::LatentTable(scene.latents)}),
          testing::JoinParts({Bytes(40), Bytes(56), testing::LatentTable(scene.latents),
                              testing::CorrectionTable(TinyHnervScene(2, {}).latents)}),
          {0xff, 2, 0, 0, 1, 2, 3},
          {'H', 'N', '1', 0, 0, 0, 0, 1, 0, 0, 0, 6}};
}

std::vector<Bytes> HnervSeeds() {
  std::vector<Bytes> seeds;
  for (const testing::HnervParts& parts : {testing::HnervParts{}, {false, false, false}, {true, true, false, true}}) {
    hnerv::Scene scene = TinyHnervScene(seeds.size(), parts);
    if (!parts.preimage) scene.frame_size = {64, 48};
    seeds.push_back(WriteMember(hnerv::EncodeScene(scene, CodingContext()).value(), Limits()).value());
  }
  return seeds;
}

Bytes HnervTensorsSeed() {
  TensorFile file = hnerv::TensorsOf(TinyHnervScene(3, {}));
  file.metadata["codec"] = "hnerv";
  return WriteTensors(file);
}

}  // namespace kitsink::fuzz
