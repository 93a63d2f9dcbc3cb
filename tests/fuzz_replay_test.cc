// Every file in tests/corrupt, and every golden stream with single bytes changed, through the fuzz targets: the fuzzers
// as an ordinary test. A target aborts when a parser breaks its promise.

#include <algorithm>

#include "format_testlib.h"
#include "fuzz/fuzz_targets.h"
#include "kitsink/archive.h"

namespace kitsink {
namespace {

using Target = void (*)(std::span<const uint8_t>);

std::vector<std::filesystem::path> CorruptFiles(const std::string& room) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(KITSINK_SOURCE_DIR) / "tests/corrupt")) {
    if (entry.path().filename().string().starts_with(room + "_")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void Replay(const std::string& room, Target target) {
  const std::vector<std::filesystem::path> files = CorruptFiles(room);
  EXPECT_FALSE(files.empty()) << room;
  for (const std::filesystem::path& file : files) target(ReadFile(file, 1 << 20).value());
}

void ReplayDamaged(const Bytes& golden, Target target, size_t stride) {
  target(golden);
  for (size_t i = 0; i < golden.size(); i += stride) {
    Bytes damaged = golden;
    damaged[i] = static_cast<uint8_t>(damaged[i] ^ 0x41);
    target(damaged);
    target(std::span(golden).first(i));
  }
}

Bytes Golden(const std::string& name) { return ReadFile(testing::GoldenPath(name), 1 << 20).value(); }

TEST(FuzzReplay, Pose) {
  Replay("pose", fuzz::Pose);
  ReplayDamaged(Golden("pose_v1.bin"), fuzz::Pose, 1);
  ReplayDamaged(Golden("pose_v2.bin"), fuzz::Pose, 1);
}

TEST(FuzzReplay, Weights) {
  Replay("weights", fuzz::Weights);
  ReplayDamaged(Golden("weights.bin"), fuzz::Weights, 1);
}

TEST(FuzzReplay, Selectors) {
  Replay("selectors", fuzz::Selectors);
  ReplayDamaged(Golden("selectors.bin"), fuzz::Selectors, 1);
}

TEST(FuzzReplay, Archive) {
  Replay("archive", fuzz::Archive);
  ReplayDamaged(LoadMember(testing::GoldenPath("archive.zip"), Limits{}).value(), fuzz::Archive, 7);
}

template <typename Decode>
void ExpectRefused(const std::string& room, const Decode& decode) {
  for (const std::filesystem::path& file : CorruptFiles(room)) {
    const auto result = decode(file);
    ASSERT_FALSE(result.ok()) << file;
    testing::ExpectDecent(result.error());
    const std::string start = room + "_" + std::string(CodeName(result.error().code)) + "_";
    EXPECT_TRUE(file.filename().string().starts_with(start)) << file << ": " << result.error().message;
  }
}

TEST(Corrupt, EachFileIsRefusedWithTheCodeInItsName) {
  const auto read = [](const std::filesystem::path& file) { return ReadFile(file, 1 << 20).value(); };
  ExpectRefused("pose", [&](const auto& file) { return DecodeTrack(read(file), Limits{}); });
  ExpectRefused("weights", [&](const auto& file) { return DecodeWeights(read(file), Limits{}); });
  ExpectRefused("selectors", [&](const auto& file) { return DecodeSelectors(read(file), Limits{}); });
  ExpectRefused("archive", [&](const auto& file) { return DecodeMember(read(file), 1, Limits{}, SilentProgress()); });
  ExpectRefused("zip", [](const auto& file) { return LoadMember(file, Limits{}); });
}

}  // namespace
}  // namespace kitsink
