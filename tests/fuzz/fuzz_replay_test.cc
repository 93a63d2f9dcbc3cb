// Runs the fuzz targets as an ordinary test: on the seeds and golden files, whole and damaged, and on every past find
// in tests/corrupt. A target aborts when a parser breaks its promise.

#include <algorithm>
#include <ostream>

#include "archive/shell.h"
#include "codecs/search/scene_testlib.h"
#include "format_testlib.h"
#include "fuzz/fuzz_targets.h"
#include "kitsink/archive.h"
#include "kitsink/tensors.h"

namespace kitsink {
namespace fuzz {

// GoogleTest would print the bytes of the struct.
void PrintTo(const Target& target, std::ostream* to) { *to << target.name; }

}  // namespace fuzz
namespace {

using fuzz::Target;

std::vector<std::filesystem::path> CorruptFiles(const std::string& room) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(KITSINK_SOURCE_DIR) / "tests/corrupt")) {
    if (entry.path().filename().string().starts_with(room + "_")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void ReplayDamaged(const Bytes& bytes, const Target& target, size_t stride) {
  target.run(bytes);
  for (size_t i = 0; i < bytes.size(); i += stride) {
    Bytes damaged = bytes;
    damaged[i] = static_cast<uint8_t>(damaged[i] ^ 0x41);
    target.run(damaged);
    target.run(std::span(bytes).first(i));
  }
}

class FuzzReplay : public ::testing::TestWithParam<Target> {};

TEST_P(FuzzReplay, SeedsAndTheirDamage) {
  const std::vector<Bytes> seeds = GetParam().seeds();
  EXPECT_FALSE(seeds.empty());
  for (const Bytes& seed : seeds) ReplayDamaged(seed, GetParam(), seed.size() > 100 ? 7 : 1);
}

TEST_P(FuzzReplay, CorruptFiles) {
  for (const std::filesystem::path& file : CorruptFiles(GetParam().name)) {
    GetParam().run(ReadFile(file, 1 << 20).value());
  }
}

INSTANTIATE_TEST_SUITE_P(, FuzzReplay, ::testing::ValuesIn(fuzz::Targets()),
                         [](const auto& target) { return target.param.name; });

TEST(FuzzReplayGolden, DamagedEverywhere) {
  const auto golden = [](const std::string& name) { return ReadFile(testing::GoldenPath(name), 1 << 20).value(); };
  for (const Target& target : fuzz::Targets()) {
    if (target.name == "pose") ReplayDamaged(golden("pose_v1.bin"), target, 1);
    if (target.name == "pose") ReplayDamaged(golden("pose_v2.bin"), target, 1);
    if (target.name == "weights") ReplayDamaged(golden("weights.bin"), target, 1);
    if (target.name == "selectors") ReplayDamaged(golden("selectors.bin"), target, 1);
    if (target.name != "archive") continue;
    ReplayDamaged(LoadShell(testing::GoldenPath("archive.zip"), Limits{}).value().member, target, 7);
  }
}

template <typename Decode>
void ExpectRefused(const std::string& room, const Decode& decode) {
  const std::vector<std::filesystem::path> files = CorruptFiles(room);
  EXPECT_FALSE(files.empty()) << room;
  for (const std::filesystem::path& file : files) {
    const auto result = decode(file);
    ASSERT_FALSE(result.ok()) << file;
    testing::ExpectDecent(result.error());
    const std::string start = room + "_" + std::string(CodeName(result.error().code)) + "_";
    EXPECT_TRUE(file.filename().string().starts_with(start)) << file << ": " << result.error().message;
  }
}

TEST(Corrupt, EachFileIsRefusedWithTheCodeInItsName) {
  const auto read = [](const std::filesystem::path& file) { return ReadFile(file, 1 << 20).value(); };
  ExpectRefused("mask", [&](const auto& file) { return DecodeMask(read(file), 1, Limits{}, SilentProgress()); });
  ExpectRefused("pose", [&](const auto& file) { return DecodeTrack(read(file), Limits{}); });
  ExpectRefused("weights", [&](const auto& file) { return search::DecodeWeights(read(file), Limits{}); });
  ExpectRefused("selectors", [&](const auto& file) { return search::DecodeSelectors(read(file), Limits{}); });
  ExpectRefused("archive", [&](const auto& file) { return testing::DecodeMember(read(file)); });
  ExpectRefused("zip", [](const auto& file) { return LoadShell(file, Limits{}); });
  ExpectRefused("tensors", [](const auto& file) { return LoadTensorFile(file); });
}

}  // namespace
}  // namespace kitsink
