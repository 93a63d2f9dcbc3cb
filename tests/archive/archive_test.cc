#include "kitsink/archive.h"

#include <zip.h>

#include "archive/header.h"
#include "format_testlib.h"
#include "kitsink/hash.h"
#include "scene_testlib.h"

namespace kitsink {
namespace {

using testing::SmallScene;
using testing::TemporaryFolder;

Bytes Encode(const Scene& scene) {
  const Result<Bytes> member = EncodeMember(scene, ArchiveOptions{}, Limits{}, SilentProgress());
  EXPECT_TRUE(member.ok()) << member.error().message;
  return member.value();
}

Result<Scene> Decode(std::span<const uint8_t> member) { return DecodeMember(member, 1, Limits{}, SilentProgress()); }

// Sets the check byte as an attacker would, so that damage reaches the streams' own checks.
Bytes Rechecked(Bytes member) {
  member[kCheckByte] = MemberCheck(member);
  return member;
}

TEST(Member, ScenesSurvive) {
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

TEST(Member, HeaderIsTwelveBytesOrTwenty) {
  Scene scene = SmallScene(2);
  const Bytes member = Encode(scene);
  const ArchiveAnatomy anatomy = ReadAnatomy(member, Limits{}).value();
  EXPECT_EQ(anatomy.header_bytes, 12U);
  EXPECT_EQ(anatomy.member_bytes, member.size());
  EXPECT_EQ(anatomy.mask_bytes + anatomy.weights_bytes + anatomy.pose_bytes + anatomy.selectors_bytes + 12,
            member.size());
  EXPECT_EQ(anatomy.selectors_bytes, 3U * 7 + 4 + 3 + 1);
  EXPECT_EQ(member[0], 0xb1);
  EXPECT_EQ(member[1], 0x13);
  scene.frame_size = {1164, 872};
  EXPECT_EQ(ReadAnatomy(Encode(scene), Limits{}).value().header_bytes, 20U);
}

TEST(Header, LengthsSurviveUpToTheirFields) {
  for (const uint64_t size_bytes : {0ULL, 1ULL, 65535ULL, 65536ULL, 70000ULL}) {
    MemberHeader header;
    header.flags = kFlagSearch;
    header.mask_bytes = 16 * size_bytes;
    header.weights_bytes = size_bytes;
    header.pose_bytes = size_bytes / 2;
    Bytes member = WriteHeader(header).value();
    EXPECT_EQ(member.size(), 16 * size_bytes >= 1 << 20 ? 20U : 12U);
    member.resize(member.size() + header.stream_bytes(), 7);
    const MemberHeader read = ReadHeader(Rechecked(member), Limits{}).value();
    EXPECT_EQ(read.mask_bytes, header.mask_bytes);
    EXPECT_EQ(read.weights_bytes, header.weights_bytes);
    EXPECT_EQ(read.pose_bytes, header.pose_bytes);
    EXPECT_EQ(read.selectors_bytes, 0U);
  }
  MemberHeader header;
  header.pose_bytes = 1 << 24;
  EXPECT_EQ(WriteHeader(header).error().code, Code::kLimit);
}

TEST(Header, RejectsEveryWrongField) {
  const Bytes good = Encode(SmallScene(3));
  const auto message = [&good](size_t byte, uint8_t value) {
    Bytes bad = good;
    bad[byte] = value;
    return Decode(Rechecked(bad)).error().message;
  };
  EXPECT_EQ(message(0, 0x50), "archive: header: first byte is 80, not a kitsink archive, at byte 0");
  EXPECT_EQ(message(0, 0xb2), "archive: header: format version 2, this build reads 1, at byte 0");
  EXPECT_EQ(message(1, 0x33), "archive: header: flags 51 are not those of codec search, at byte 1");
  EXPECT_EQ(message(1, 0x03), "archive: header: flags 3 are not those of codec search, at byte 1");
  EXPECT_EQ(message(1, 0x12), "archive: header: flag 0 and the length of stream r contradict each other, at byte 1");
  EXPECT_EQ(message(1, 0x11), "archive: header: flag 1 contradicts the version of stream p, at byte 1");
  Bytes damaged = good;
  damaged.back() = static_cast<uint8_t>(damaged.back() ^ 1);
  EXPECT_NE(Decode(damaged).error().message.find("the archive is damaged, at byte 11"), std::string::npos);
  EXPECT_EQ(Decode({}).error().message, "archive: header: ends early, at byte 0");
}

TEST(Header, RejectsNeedlessExtension) {
  MemberHeader header;
  header.flags = kFlagSearch;
  header.frame_size = {1, 1};
  Bytes member = WriteHeader(header).value();
  member[12] = kContestFrameSize.width & 255;
  member[13] = kContestFrameSize.width >> 8;
  member[14] = kContestFrameSize.height & 255;
  member[15] = kContestFrameSize.height >> 8;
  EXPECT_EQ(ReadHeader(Rechecked(member), Limits{}).error().message,
            "archive: header: is extended without need, at byte 1");
  member[14] = 0;
  member[15] = 0;
  EXPECT_EQ(ReadHeader(Rechecked(member), Limits{}).error().code, Code::kLimit);
}

TEST(Member, RejectsDamage) {
  const Scene scene = SmallScene(4);
  const Bytes member = Encode(scene);
  testing::ExpectRejectsWrongLengths(member, Decode);
  testing::ExpectRejectsFlips(member, Decode, scene, testing::kEveryFlip);
}

TEST(Member, StreamsRejectDamageThatTheCheckByteMisses) {
  Scene scene = SmallScene(5);
  scene.selectors.tails.clear();  // stream r has no other check
  const Bytes member = Encode(scene);
  testing::ExpectRejectsFlips(
      member, [](std::span<const uint8_t> bytes) { return Decode(Rechecked(Bytes(bytes.begin(), bytes.end()))); },
      scene, std::array{16});
}

TEST(Member, RejectsStreamsThatDisagree) {
  const auto encode_error = [](const Scene& scene) {
    return EncodeMember(scene, ArchiveOptions{}, Limits{}, SilentProgress()).error().message;
  };
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

  // The same on the way in: the pose of a shorter scene put into a longer one.
  scene = SmallScene(6);
  scene.selectors.tails.clear();
  const Bytes member = Encode(scene);
  const ArchiveAnatomy anatomy = ReadAnatomy(member, Limits{}).value();
  scene.pose.num_rows = 6;
  scene.pose.values.resize(12);
  const Bytes pose = EncodeTrack(scene.pose, Limits{}).value();
  Bytes mixed(member.begin(), member.end() - static_cast<ptrdiff_t>(anatomy.pose_bytes));
  mixed.insert(mixed.end(), pose.begin(), pose.end());
  mixed[7] = static_cast<uint8_t>(pose.size());
  EXPECT_EQ(Decode(Rechecked(mixed)).error().message, "archive: rows of stream p: got 6, expected the class maps' 7");
}

TEST(Member, DescriptionAddsUpToItsStreams) {
  for (const TrackKind kind : {TrackKind::kUniformStep, TrackKind::kHalfAndBytes}) {
    Scene scene = SmallScene(10);
    scene.pose.kind = kind;
    if (kind == TrackKind::kHalfAndBytes) {
      for (int32_t& value : scene.pose.values) value += 100;
      scene.pose.minimum = scene.pose.scale = {1};
    }
    const Bytes member = Encode(scene);
    const MemberDescription description = DescribeMember(member, true, 1, Limits{}, SilentProgress()).TakeValue();
    const auto bytes_of = [](const std::vector<StreamPart>& parts) {
      double bits = 0;
      for (const StreamPart& part : parts) bits += part.bits;
      return bits / 8;
    };
    const ArchiveAnatomy& anatomy = description.anatomy;
    EXPECT_NEAR(bytes_of(description.mask_parts), static_cast<double>(anatomy.mask_bytes), 1e-6);
    EXPECT_NEAR(bytes_of(description.weights_parts), static_cast<double>(anatomy.weights_bytes), 1e-6);
    EXPECT_NEAR(bytes_of(description.pose_parts), static_cast<double>(anatomy.pose_bytes), 1e-6);
    EXPECT_NEAR(bytes_of(description.selectors_parts), static_cast<double>(anatomy.selectors_bytes), 1e-6);
    uint64_t num_weights = 0;
    for (const StreamPart& part : description.weights_parts) {
      if (!part.name.ends_with(" scales")) num_weights += part.count;
      EXPECT_GE(part.bits, 0) << part.name;
    }
    EXPECT_EQ(num_weights, description.num_weights);
    EXPECT_EQ(description.pose_parts.size(), 2U + 1U);
    EXPECT_TRUE(DescribeMember(member, false, 1, Limits{}, SilentProgress()).value().mask_parts.empty());
  }
}

TEST(Member, SaysWhatTheSearchCannotUse) {
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

TEST(Zip, AFolderIsNamedByTheZipOfItsMember) {
  const TemporaryFolder folder;
  const Bytes member = Encode(SmallScene(12));
  std::filesystem::create_directory(folder / "x");
  ASSERT_TRUE(WriteFile(folder / "x/p", member, Overwrite::kRefuse).ok());
  ASSERT_TRUE(WriteFile(folder / "a.zip", PackZip(member).value(), Overwrite::kRefuse).ok());
  const LoadedArchive from_folder = LoadArchive(folder / "x", Limits{}).value();
  const LoadedArchive from_zip = LoadArchive(folder / "a.zip", Limits{}).value();
  EXPECT_EQ(from_folder.sha256, from_zip.sha256);
  EXPECT_EQ(from_zip.sha256, Sha256HexOfFile(folder / "a.zip").value());
  EXPECT_EQ(from_folder.size_bytes, member.size() + 100);
  EXPECT_EQ(from_folder.member, from_zip.member);
}

TEST(Zip, AddsAHundredBytesAndLoadsAgain) {
  const TemporaryFolder folder;
  for (const size_t size_bytes : {0U, 1U, 1000U, 300000U}) {
    const Bytes member = testing::Random(size_bytes).Bytes(size_bytes);
    const Bytes zip = PackZip(member).value();
    EXPECT_EQ(zip.size(), member.size() + 100);
    EXPECT_EQ(PackZip(member).value(), zip);
    ASSERT_TRUE(WriteFile(folder / "a.zip", zip, Overwrite::kAllow).ok());
    const Result<Bytes> loaded = LoadMember(folder / "a.zip", Limits{});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded.value(), member);
  }
}

TEST(Zip, LoadsTheFolderItWasExtractedInto) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "x");
  EXPECT_NE(LoadMember(folder / "x", Limits{}).error().message.find("folder of 0 entries"), std::string::npos);
  ASSERT_TRUE(WriteFile(folder / "x/p", Bytes{1, 2, 3}, Overwrite::kRefuse).ok());
  EXPECT_EQ(LoadMember(folder / "x", Limits{}).value(), Bytes({1, 2, 3}));
  ASSERT_TRUE(WriteFile(folder / "x/q", Bytes{1}, Overwrite::kRefuse).ok());
  EXPECT_NE(LoadMember(folder / "x", Limits{}).error().message.find("folder of 2 entries"), std::string::npos);
  std::filesystem::remove(folder / "x/p");
  std::filesystem::remove(folder / "x/q");
  std::filesystem::create_symlink("/etc/passwd", folder / "x/p");
  EXPECT_NE(LoadMember(folder / "x", Limits{}).error().message.find("\"p\" is not a regular file"), std::string::npos);
}

// A zip written by libzip, as other tools write them.
class ForeignZip {
 public:
  explicit ForeignZip(const std::filesystem::path& path) : path_(path) {
    zip_ = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  }
  void Add(const char* name, const Bytes& bytes, zip_int32_t method) {
    kept_.push_back(std::make_unique<Bytes>(bytes));
    const zip_int64_t index = zip_file_add(
        zip_, name, zip_source_buffer(zip_, kept_.back()->data(), kept_.back()->size(), 0), ZIP_FL_ENC_UTF_8);
    ASSERT_EQ(zip_set_file_compression(zip_, static_cast<zip_uint64_t>(index), method, 9), 0);
  }
  zip_t* get() { return zip_; }
  std::string LoadMessage() {
    EXPECT_EQ(zip_close(zip_), 0);
    const Result<Bytes> member = LoadMember(path_, Limits{});
    if (!member.ok()) testing::ExpectDecent(member.error());
    return member.ok() ? "loaded " + std::to_string(member.value().size()) : member.error().message;
  }
  // Extracts into `folder`: the error's sentence, or nothing.
  std::string ExtractMessage(const std::filesystem::path& folder, const Limits& limits) {
    EXPECT_EQ(zip_close(zip_), 0);
    const Status status = ExtractZip(path_, folder, limits);
    if (!status.ok()) testing::ExpectDecent(status.error());
    return status.ok() ? "" : status.error().message;
  }

 private:
  std::filesystem::path path_;
  zip_t* zip_;
  std::vector<std::unique_ptr<Bytes>> kept_;
};

TEST(Zip, AcceptsAStoredMemberOfAnyWriter) {
  const TemporaryFolder folder;
  ForeignZip zip(folder / "a.zip");
  zip.Add("0.bin", Bytes(50, 3), ZIP_CM_STORE);
  EXPECT_EQ(zip.LoadMessage(), "loaded 50");
}

TEST(Zip, RefusesWhatItShouldNotOpen) {
  const TemporaryFolder folder;
  const auto expect = [&folder](const std::string& part, const auto& fill) {
    ForeignZip zip(folder / "a.zip");
    fill(zip);
    const std::string message = zip.LoadMessage();
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_NE(message.find("a.zip: "), std::string::npos) << message;
  };
  const Bytes bytes(5000, 0);
  expect("zip archive of 2 members, expected exactly one", [&](ForeignZip& zip) {
    zip.Add("p", bytes, ZIP_CM_STORE);
    zip.Add("q", bytes, ZIP_CM_STORE);
  });
  expect("\"p\" is compressed by method 8", [&](ForeignZip& zip) { zip.Add("p", bytes, ZIP_CM_DEFLATE); });
  expect("is a folder or a path", [&](ForeignZip& zip) { zip.Add("a/p", bytes, ZIP_CM_STORE); });
  expect("is a folder or a path", [](ForeignZip& zip) { zip_dir_add(zip.get(), "p", 0); });
  expect("\"p\" is a symbolic link", [&](ForeignZip& zip) {
    zip.Add("p", bytes, ZIP_CM_STORE);
    zip_file_set_external_attributes(zip.get(), 0, 0, ZIP_OPSYS_UNIX, 0xa1ffU << 16);
  });
  expect("\"p\" is encrypted", [&](ForeignZip& zip) {
    zip.Add("p", bytes, ZIP_CM_STORE);
    ASSERT_EQ(zip_file_set_encryption(zip.get(), 0, ZIP_EM_TRAD_PKWARE, "secret"), 0);
  });
}

TEST(Zip, ExtractsEveryFileOfAnySubmission) {
  const TemporaryFolder folder;
  ForeignZip zip(folder / "a.zip");
  zip.Add("deep/er/q", Bytes(5000, 7), ZIP_CM_DEFLATE);
  zip.Add("run", Bytes(10, 1), ZIP_CM_STORE);
  zip_file_set_external_attributes(zip.get(), 1, 0, ZIP_OPSYS_UNIX, 0100755U << 16);
  zip_dir_add(zip.get(), "empty", 0);
  ASSERT_TRUE(WriteFile(folder / "run", Bytes(3, 3), Overwrite::kRefuse).ok());
  EXPECT_EQ(zip.ExtractMessage(folder.path(), Limits{}), "");
  EXPECT_EQ(ReadFile(folder / "deep/er/q", 1 << 20).value(), Bytes(5000, 7));
  EXPECT_EQ(ReadFile(folder / "run", 1 << 20).value(), Bytes(10, 1));
  using std::filesystem::perms;
  EXPECT_NE(std::filesystem::status(folder / "run").permissions() & perms::owner_exec, perms::none);
  EXPECT_EQ(std::filesystem::status(folder / "deep/er/q").permissions() & perms::owner_exec, perms::none);
  EXPECT_TRUE(std::filesystem::is_directory(folder / "empty"));
}

TEST(Zip, ExtractsNothingOfAZipThatClimbsOutOrIsTooLarge) {
  const TemporaryFolder folder;
  const auto message = [&folder](const auto& fill, const Limits& limits) {
    ForeignZip zip(folder / "a.zip");
    zip.Add("first", Bytes(100, 1), ZIP_CM_STORE);
    fill(zip);
    std::filesystem::create_directory(folder / "out");
    const std::string text = zip.ExtractMessage(folder / "out", limits);
    EXPECT_TRUE(std::filesystem::is_empty(folder / "out")) << text;
    return text;
  };
  for (const char* name : {"../q", "/q", "a/../../q", ".."}) {
    const auto add = [name](ForeignZip& zip) { zip.Add(name, Bytes(5, 1), ZIP_CM_STORE); };
    EXPECT_NE(message(add, Limits{}).find("leads out of the folder"), std::string::npos) << name;
  }
  const auto link = [](ForeignZip& zip) {
    zip.Add("q", Bytes(5, 1), ZIP_CM_STORE);
    zip_file_set_external_attributes(zip.get(), 1, 0, ZIP_OPSYS_UNIX, 0xa1ffU << 16);
  };
  EXPECT_NE(message(link, Limits{}).find("\"q\" is a symbolic link"), std::string::npos);
  Limits limits;
  limits.max_extracted_bytes = 104;
  const auto second = [](ForeignZip& zip) { zip.Add("q", Bytes(5, 1), ZIP_CM_STORE); };
  EXPECT_NE(message(second, limits).find("105 bytes, limit 104"), std::string::npos);
}

TEST(Zip, ChecksSizesBeforeReading) {
  const TemporaryFolder folder;
  Limits limits;
  limits.max_member_bytes = 999;
  ASSERT_TRUE(WriteFile(folder / "a.zip", PackZip(Bytes(1000, 1)).value(), Overwrite::kRefuse).ok());
  EXPECT_EQ(LoadMember(folder / "a.zip", limits).error().code, Code::kLimit);
  // A directory that claims 4 GB for a few bytes.
  Bytes zip = PackZip(Bytes(10, 1)).value();
  for (const size_t field : {18U, 22U, 41U + 20, 41U + 24}) zip[field + 3] = 0xff;
  ASSERT_TRUE(WriteFile(folder / "a.zip", zip, Overwrite::kAllow).ok());
  EXPECT_FALSE(LoadMember(folder / "a.zip", Limits{}).ok());
}

TEST(Zip, EveryCutAndFlipIsRefusedOrHarmless) {
  const TemporaryFolder folder;
  const Bytes member = testing::Random(8).Bytes(60);
  const auto load = [&folder](std::span<const uint8_t> bytes) {
    EXPECT_TRUE(WriteFile(folder / "a.zip", bytes, Overwrite::kAllow).ok());
    return LoadMember(folder / "a.zip", Limits{});
  };
  const Bytes zip = PackZip(member).value();
  for (size_t size = 0; size < zip.size(); ++size) EXPECT_FALSE(load(std::span(zip).first(size)).ok()) << size;
  for (size_t i = 0; i < zip.size(); ++i) {
    for (const int flip : {1, 128}) {
      Bytes damaged = zip;
      damaged[i] = static_cast<uint8_t>(damaged[i] ^ flip);
      const Result<Bytes> loaded = load(damaged);
      if (loaded.ok()) {
        EXPECT_EQ(loaded.value(), member) << i;
      } else {
        testing::ExpectDecent(loaded.error());
      }
    }
  }
}

TEST(Zip, SaysWhatElseItFound) {
  const TemporaryFolder folder;
  const auto message = [&folder](const Bytes& bytes) {
    EXPECT_TRUE(WriteFile(folder / "a", bytes, Overwrite::kAllow).ok());
    return LoadMember(folder / "a", Limits{}).error().message;
  };
  const std::string where = "archive: " + (folder / "a").string() + ": ";
  EXPECT_EQ(message({}), where + "is empty, expected a zip archive");
  EXPECT_EQ(message({'<', 'h', 't', 'm', 'l', '>', 10}),
            where + "not a zip archive, starts with \"<html>\\x0a\", expected \"PK\"");
  EXPECT_EQ(message({'P'}), where + "not a zip archive, starts with \"P\", expected \"PK\"");
  EXPECT_NE(LoadMember(folder / "none", Limits{}).error().message.find("cannot open"), std::string::npos);
}

TEST(Archive, Golden) {
  const Scene scene = SmallScene(9);
  const Bytes zip = PackZip(Encode(scene)).value();
  testing::ExpectGolden("archive.zip", zip);
  const Result<Bytes> member = LoadMember(testing::GoldenPath("archive.zip"), Limits{});
  ASSERT_TRUE(member.ok()) << member.error().message;
  EXPECT_TRUE(Decode(member.value()).value() == scene);
  EXPECT_EQ(Sha256Hex(scene.mask.ids), "c37a1c406b2f2b4b5a950beb5edbf45a74a8de984e557521f6fae2d13088a04c");
}

}  // namespace
}  // namespace kitsink
