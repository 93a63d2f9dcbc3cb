// Manifests, and checks of .raw files against their manifests.

#include "kitsink/manifest.h"

#include <nlohmann/json.hpp>

#include "format_testlib.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

using testing::TemporaryFolder;

const ArchiveFacts kArchive{std::string(64, 'a'), {4, 2}, 3};
constexpr size_t kPairBytes = 2 * 4 * 2 * 3;

// The manifest of a .raw with pairs `first_pair` .. `first_pair` + `num_pairs` - 1.
std::string Manifest(const std::string& raw_sha256, uint64_t first_pair, uint64_t num_pairs) {
  return "{\"frame_size\": [4, 2], \"first_pair\": " + std::to_string(first_pair) +
         ", \"num_pairs\": " + std::to_string(num_pairs) + ", \"archive\": {\"path\": \"a.zip\", \"sha256\": \"" +
         kArchive.sha256 + "\"}, \"raw\": {\"bytes\": " + std::to_string(kPairBytes * num_pairs) + ", \"sha256\": \"" +
         raw_sha256 + "\"}, \"archive_pairs\": 3}";
}

void Write(const std::filesystem::path& path, const std::string& text) {
  const std::span bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  ASSERT_TRUE(WriteFile(path, bytes, Overwrite::kAllow).ok());
}

std::string Replaced(std::string text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

TEST(RawCheck, FramesWithTheirManifest) {
  const TemporaryFolder folder;
  const Bytes frames = testing::Random(1).Bytes(2 * kPairBytes);
  ASSERT_TRUE(WriteFile(folder / "x.raw", frames, Overwrite::kAllow).ok());
  Write(folder / "x.json", Manifest(Sha256Hex(frames), 1, 2));
  for (const std::filesystem::path& path : {folder.path(), folder / "x.raw", folder / "x.json"}) {
    const Result<RawCheck> check = CheckRaw(path, kArchive);
    ASSERT_TRUE(check.ok()) << check.error().message;
    EXPECT_TRUE(check.value().has_manifest && check.value().notes.empty());
    EXPECT_EQ(check.value().num_pairs, 2U);
    EXPECT_EQ(check.value().raw_sha256, Sha256Hex(frames));
  }
  std::filesystem::remove(folder / "x.raw");
  EXPECT_NE(CheckRaw(folder / "x.json", kArchive).value().notes.at(0).find("only its manifest"), std::string::npos);
  EXPECT_FALSE(CheckRaw(folder / "x.raw", kArchive).ok());
  EXPECT_NE(CheckRaw(folder.path(), kArchive).error().message.find("holds 0 .raw files"), std::string::npos);
}

TEST(RawCheck, FramesWithoutOneAreCheckedBySizeAlone) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFile(folder / "x.raw", Bytes(3 * kPairBytes), Overwrite::kAllow).ok());
  const RawCheck check = CheckRaw(folder / "x.raw", kArchive).value();
  EXPECT_FALSE(check.has_manifest);
  EXPECT_NE(check.notes.at(0).find("only its size"), std::string::npos);
  ASSERT_TRUE(WriteFile(folder / "x.raw", Bytes(3 * kPairBytes - 1), Overwrite::kAllow).ok());
  EXPECT_NE(CheckRaw(folder / "x.raw", kArchive).error().message.find("bytes: got 143, expected 144: 3 pairs"),
            std::string::npos);
}

TEST(RawCheck, NamesWhatDiffers) {
  const TemporaryFolder folder;
  const Bytes frames(2 * kPairBytes);
  const std::string good = Manifest(Sha256Hex(frames), 1, 2);
  ASSERT_TRUE(WriteFile(folder / "x.raw", frames, Overwrite::kAllow).ok());
  const auto message = [&](const std::string& manifest) {
    Write(folder / "x.json", manifest);
    const Result<RawCheck> check = CheckRaw(folder / "x.raw", kArchive);
    if (check.ok()) return std::string("fine");
    testing::ExpectDecent(check.error());
    return check.error().message;
  };
  const auto expect = [&](const std::string& manifest, const std::string& part) {
    EXPECT_NE(message(manifest).find(part), std::string::npos) << message(manifest);
  };
  EXPECT_EQ(message(good), "fine");
  expect(Replaced(good, kArchive.sha256, "\\u001bb"),
         "made from another archive, sha256: got \"\\x1bb\", expected aaa");
  expect(Replaced(good, "[4, 2]", "[4, 3]"), "frames: got 4 x 3, expected the archive's, 4 x 2");
  expect(Replaced(good, "[4, 2]", "[4, 4294967298]"), "frames: got 4 x 0");
  expect(Replaced(good, "\"archive_pairs\": 3", "\"archive_pairs\": 4"), "pairs of the archive: got 4, expected 3");
  expect(Replaced(good, "\"first_pair\": 1", "\"first_pair\": 2"), "pairs: got 2 from 2 on, expected some of 0 to 2");
  expect(Replaced(good, "\"num_pairs\": 2", "\"num_pairs\": 18446744073709551615"), "pairs: got 18446744073709551615");
  expect(Replaced(good, "\"bytes\": 96", "\"bytes\": 95"), "bytes of the .raw: got 95, expected 96 for its 2 pairs");
  expect(Replaced(good, Sha256Hex(frames), "00"), "changed since it was inflated, sha256: got ");
  expect(Replaced(good, "\"raw\"", "\"war\""), "x.json: manifest: lacks ");
  expect("[1]", "x.json: manifest: is not a JSON object");
  expect("{", "x.json: manifest: is not a JSON object");
  expect("", "x.json: manifest: is not a JSON object");
  EXPECT_EQ(CheckRaw(folder / "none.json", kArchive).error().code, Code::kIo);
}

TEST(CompressManifest, IsFoundForThisArchiveOnly) {
  const TemporaryFolder folder;
  Write(folder / "a.zip.json",
        "{\"archive\": {\"sha256\": \"00ff\"}, \"original\": {\"path\": \"/v.mkv\", \"bytes\": 1234, \"sha256\": "
        "\"01\"}}");
  const std::optional<CompressManifest> found = FindCompressManifest(folder / "a.zip", "00ff");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->original_bytes, 1234U);
  EXPECT_EQ(found->original, "/v.mkv");
  EXPECT_EQ(found->original_sha256, "01");
  EXPECT_TRUE(found->segnet_sha256.empty());
  // The archive may have been extracted to a folder with its name, with or without the suffix.
  EXPECT_TRUE(FindCompressManifest(folder / "a", "00ff").has_value());
  EXPECT_TRUE(FindCompressManifest(folder / "a/", "00ff").has_value());
  EXPECT_FALSE(FindCompressManifest(folder / "a.zip", "00fe").has_value());
  EXPECT_FALSE(FindCompressManifest(folder / "b.zip", "00ff").has_value());
  Write(folder / "a.zip.json", "{\"archive\": \"00ff\", \"original\": [-1]");
  EXPECT_FALSE(FindCompressManifest(folder / "a.zip", "00ff").has_value());
  EXPECT_EQ(LoadCompressManifest(folder / "a.zip.json").error().code, Code::kCorrupt);
}

TEST(SearchTrace, IsReadWholeOrNotAtAll) {
  const auto trace = [](const std::string& points) {
    const std::string text =
        "{\"archive\": {\"path\": \"a\", \"sha256\": \"00\"}, \"raw\": {\"bytes\": 1, \"sha256\": \"01\"}, "
        "\"against_targets\": {\"curve\": " +
        points + "}}";
    const std::span bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    return ReadRawManifest(bytes).value().trace.curve.size();
  };
  EXPECT_EQ(trace("[[0.5, 1], [0.25, 2]]"), 2U);
  EXPECT_EQ(trace("[[0.5, 1], [0.25]]"), 0U);
  EXPECT_EQ(trace("[[0.5, null]]"), 0U);
  EXPECT_EQ(trace("3"), 0U);
}

// Names on disk are bytes; JSON is UTF-8.
TEST(Manifest, KeepsPathsThatAreNotUtf8) {
  for (const std::string name : {"caf\xe9.mp4", "plain.mp4", "caf\xc3\xa9.mp4", "\xff\xfe", "a\xef\xbf\xbd.mp4"}) {
    Json json = ManifestHead("inflate");
    json["archive"] = DescribeFile("/x/" + name, 5, std::string(64, 'a'));
    json["raw"] = DescribeFile("/x/out.raw", 7, std::string(64, 'b'));
    json["original"] = DescribeFile("/y/" + name, 9, std::string(64, 'c'));
    const std::string text = ToText(json);
    const auto read = ReadRawManifest({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read.value().archive_path, "/x/" + name);
    EXPECT_EQ(read.value().original, "/y/" + name);
  }
  EXPECT_EQ(ToText(Json{{"note", "caf\xe9"}}), "{\n  \"note\": \"caf\xef\xbf\xbd\"\n}\n");
}

}  // namespace
}  // namespace kitsink
