// The archive's shell and headers: round trip, edges, rejection.

#include "kitsink/archive.h"

#include <zip.h>

#include "archive/check_byte.h"
#include "archive/shell.h"
#include "format_testlib.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

using testing::TemporaryFolder;

Member Version1() {
  Member member;
  member.codec = kVersion1Codec;
  member.sections = {{1, 2, 3}, {4}, {5, 6}, {}};
  return member;
}

Bytes Write(const Member& member) {
  const Result<Bytes> bytes = WriteMember(member, Limits{});
  EXPECT_TRUE(bytes.ok()) << bytes.error().message;
  return bytes.value();
}

Bytes Rechecked(Bytes member) {
  member[kCheckByteVersion1] = MemberCheck(member, kCheckByteVersion1);
  return member;
}

// The bytes of an archive's member, not parsed.
Result<Bytes> LoadBytes(const std::filesystem::path& zip_or_folder, const Limits& limits) {
  KIT_ASSIGN(Shell shell, LoadShell(zip_or_folder, limits));
  return std::move(shell.member);
}

TEST(HeaderV1, LengthsSurviveUpToTheirFields) {
  for (const uint64_t size_bytes : {0ULL, 1ULL, 65535ULL, 65536ULL, 70000ULL}) {
    Member member = Version1();
    member.sections = {Bytes(16 * size_bytes, 7), Bytes(size_bytes, 8), Bytes(size_bytes / 2, 9), {}};
    EXPECT_EQ(HeaderBytes(member), 16 * size_bytes >= 1 << 20 ? 20U : 12U);
    const Bytes bytes = Write(member);
    EXPECT_EQ(bytes.size(), HeaderBytes(member) + 17 * size_bytes + size_bytes / 2);
    EXPECT_TRUE(ReadMember(bytes, Limits{}).value() == member);
  }
  Member member = Version1();
  member.sections[2].resize(1 << 24);
  EXPECT_EQ(WriteMember(member, Limits{}).error().code, Code::kLimit);
}

TEST(HeaderV1, RejectsNeedlessExtension) {
  Member member = Version1();
  member.frame_size = {1, 1};
  Bytes bytes = Write(member);
  bytes[12] = kContestFrameSize.width & 255;
  bytes[13] = kContestFrameSize.width >> 8;
  bytes[14] = kContestFrameSize.height & 255;
  bytes[15] = kContestFrameSize.height >> 8;
  EXPECT_EQ(ReadMember(Rechecked(bytes), Limits{}).error().message,
            "archive: header: is extended without need, at byte 1");
  bytes[14] = 0;
  bytes[15] = 0;
  EXPECT_EQ(ReadMember(Rechecked(bytes), Limits{}).error().code, Code::kLimit);
}

TEST(HeaderV2, MembersSurvive) {
  testing::Random random(3);
  for (const CodecId codec : {CodecId{2}, CodecId{3}, CodecId{15}}) {
    for (const size_t count : {1U, 2U, 5U, 8U}) {
      for (const FrameSize size : {kContestFrameSize, FrameSize{1, 4096}}) {
        Member member;
        member.codec = codec;
        member.frame_size = size;
        for (size_t i = 0; i < count; ++i) member.sections.push_back(random.Bytes(i * i * i * 60));
        const Bytes bytes = Write(member);
        EXPECT_TRUE(ReadMember(bytes, Limits{}).value() == member);
        EXPECT_EQ(FormatVersion(member), 2);
        EXPECT_EQ(bytes[0], 0xb2);
      }
    }
  }
}

TEST(HeaderV2, TakesThreeBytesAndTheLengths) {
  Member member;
  member.codec = 2;
  member.sections = {Bytes(127, 1), Bytes(128, 2), Bytes(70000, 3)};
  EXPECT_EQ(HeaderBytes(member), 3U + 1 + 2);
  const Bytes bytes = Write(member);
  EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 2), (Bytes{0xb2, 0x22}));
  EXPECT_EQ(Bytes(bytes.begin() + 3, bytes.begin() + 6), (Bytes{127, 0x80, 1}));
  member.frame_size = {640, 480};
  EXPECT_EQ(HeaderBytes(member), 3U + 4 + 1 + 2);
}

TEST(HeaderV2, RejectsEveryWrongField) {
  const auto message = [](Bytes bytes) {
    bytes[kCheckByteVersion2] = MemberCheck(bytes, kCheckByteVersion2);
    const Result<Member> member = ReadMember(bytes, Limits{});
    return member.ok() ? "accepted" : member.error().message;
  };
  EXPECT_EQ(message({0xb2, 0x00, 0, 1}), "archive: header: codec 0 has no format version 2, at byte 1");
  EXPECT_EQ(message({0xb2, 0x01, 0, 1}), "archive: header: codec 1 has no format version 2, at byte 1");
  EXPECT_EQ(message({0xb2, 0x12, 0, 5, 1, 2}),
            "archive: header: sections of 5 bytes or more declared, got 2, at byte 3");
  EXPECT_EQ(message({0xb2, 0x12, 0, 0x81, 0x00, 2}),
            "archive: header: holds a number that is no shortest LEB128 of 32 bits, at byte 3 or after");
  EXPECT_EQ(message({0xb2, 0x12, 0, 0xff, 0xff, 0xff, 0xff, 0x7f, 2}),
            "archive: header: holds a number that is no shortest LEB128 of 32 bits, at byte 3 or after");
  EXPECT_EQ(message({0xb2, 0x12, 0}), "archive: header: ends early, at byte 3");
  EXPECT_EQ(message({0xb2, 0x82, 0, 0x8c, 9, 0xea, 6}), "archive: header: spells out the usual frame size, at byte 3");
  EXPECT_EQ(message({0xb2, 0x82, 0, 0, 1}), "archive: header: frames of 0 x 1, expected 1 to 4096, at byte 3");
  EXPECT_EQ(ReadMember(Bytes{0xb2, 0x02}, Limits{}).error().message, "archive: header: ends early, at byte 2");
}

TEST(HeaderV2, RejectsDamage) {
  Member member;
  member.codec = 15;
  member.frame_size = {33, 44};
  member.sections = {Bytes(5, 1), {}, Bytes(200, 3)};
  const Bytes bytes = Write(member);
  const auto read = [](std::span<const uint8_t> damaged) { return ReadMember(damaged, Limits{}); };
  testing::ExpectRejectsFlips(bytes, read, member, testing::kEveryFlip);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Result<Member> cut = read(std::span(bytes).first(size));
    if (!cut.ok()) testing::ExpectDecent(cut.error());
    // An 8-bit check misses one cut in 256. The last section's own checks find it.
    if (size < HeaderBytes(member)) {
      EXPECT_FALSE(cut.ok()) << size;
    }
  }
}

TEST(Member, RefusesWhatNoHeaderHolds) {
  const auto message = [](const auto& edit) {
    Member member;
    member.codec = 2;
    member.sections = {{1}};
    edit(member);
    return WriteMember(member, Limits{}).error().message;
  };
  EXPECT_EQ(message([](Member& m) { m.sections.clear(); }), "archive: got 0 sections, expected 1 to 8");
  EXPECT_EQ(message([](Member& m) { m.sections.resize(9); }), "archive: got 9 sections, expected 1 to 8");
  EXPECT_EQ(message([](Member& m) { m.codec = 1; }), "archive: got 1 sections, expected 4 to 4");
  EXPECT_EQ(message([](Member& m) { m.codec = 16; }), "archive: codec 16, expected 1 to 15");
  EXPECT_EQ(message([](Member& m) { m.flags = 2; }), "archive: flags 2 have no place in the header");
  EXPECT_EQ(message([](Member& m) { m.frame_size = {0, 5}; }), "archive: frames of 0 x 5, expected 1 to 4096");
}

TEST(Zip, AFolderIsNamedByTheZipOfItsMember) {
  const TemporaryFolder folder;
  const Bytes member = Write(Version1());
  std::filesystem::create_directory(folder / "x");
  ASSERT_TRUE(WriteFile(folder / "x/p", member, Overwrite::kRefuse).ok());
  ASSERT_TRUE(WriteFile(folder / "a.zip", PackZip(member).value(), Overwrite::kRefuse).ok());
  const LoadedArchive from_folder = LoadArchive(folder / "x", Limits{}).value();
  const LoadedArchive from_zip = LoadArchive(folder / "a.zip", Limits{}).value();
  EXPECT_EQ(from_folder.sha256, from_zip.sha256);
  EXPECT_EQ(from_zip.sha256, Sha256HexOfFile(folder / "a.zip").value());
  EXPECT_EQ(from_folder.size_bytes, member.size() + 100);
  EXPECT_TRUE(from_folder.member == from_zip.member);
}

TEST(Zip, AddsAHundredBytesAndLoadsAgain) {
  const TemporaryFolder folder;
  for (const size_t size_bytes : {0U, 1U, 1000U, 300000U}) {
    const Bytes member = testing::Random(size_bytes).Bytes(size_bytes);
    const Bytes zip = PackZip(member).value();
    EXPECT_EQ(zip.size(), member.size() + 100);
    EXPECT_EQ(PackZip(member).value(), zip);
    ASSERT_TRUE(WriteFile(folder / "a.zip", zip, Overwrite::kAllow).ok());
    const Result<Bytes> loaded = LoadBytes(folder / "a.zip", Limits{});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded.value(), member);
  }
}

TEST(Zip, LoadsTheFolderItWasExtractedInto) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "x");
  EXPECT_NE(LoadBytes(folder / "x", Limits{}).error().message.find("folder of 0 entries"), std::string::npos);
  ASSERT_TRUE(WriteFile(folder / "x/p", Bytes{1, 2, 3}, Overwrite::kRefuse).ok());
  EXPECT_EQ(LoadBytes(folder / "x", Limits{}).value(), Bytes({1, 2, 3}));
  ASSERT_TRUE(WriteFile(folder / "x/q", Bytes{1}, Overwrite::kRefuse).ok());
  EXPECT_NE(LoadBytes(folder / "x", Limits{}).error().message.find("folder of 2 entries"), std::string::npos);
  std::filesystem::remove(folder / "x/p");
  std::filesystem::remove(folder / "x/q");
  std::filesystem::create_symlink("/etc/passwd", folder / "x/p");
  EXPECT_NE(LoadBytes(folder / "x", Limits{}).error().message.find("\"p\" is not a regular file"), std::string::npos);
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
    const Result<Bytes> member = LoadBytes(path_, Limits{});
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
  EXPECT_EQ(LoadBytes(folder / "a.zip", limits).error().code, Code::kLimit);
  // A directory that claims 4 GB for a few bytes.
  Bytes zip = PackZip(Bytes(10, 1)).value();
  for (const size_t field : {18U, 22U, 41U + 20, 41U + 24}) zip[field + 3] = 0xff;
  ASSERT_TRUE(WriteFile(folder / "a.zip", zip, Overwrite::kAllow).ok());
  EXPECT_FALSE(LoadBytes(folder / "a.zip", Limits{}).ok());
}

TEST(Zip, EveryCutAndFlipIsRefusedOrHarmless) {
  const TemporaryFolder folder;
  const Bytes member = testing::Random(8).Bytes(60);
  const auto load = [&folder](std::span<const uint8_t> bytes) {
    EXPECT_TRUE(WriteFile(folder / "a.zip", bytes, Overwrite::kAllow).ok());
    return LoadBytes(folder / "a.zip", Limits{});
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
    return LoadBytes(folder / "a", Limits{}).error().message;
  };
  const std::string where = "archive: " + (folder / "a").string() + ": ";
  EXPECT_EQ(message({}), where + "is empty, expected a zip archive");
  EXPECT_EQ(message({'<', 'h', 't', 'm', 'l', '>', 10}),
            where + "not a zip archive, starts with \"<html>\\x0a\", expected \"PK\"");
  EXPECT_EQ(message({'P'}), where + "not a zip archive, starts with \"P\", expected \"PK\"");
  EXPECT_NE(LoadBytes(folder / "none", Limits{}).error().message.find("cannot open"), std::string::npos);
}

}  // namespace
}  // namespace kitsink
