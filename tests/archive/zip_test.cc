// Every trick with zips, built by hand, against every function that opens a zip.

#include <sys/stat.h>
#include <zip.h>

#include "archive/shell.h"
#include "archive/zip_testlib.h"
#include "format_testlib.h"
#include "kitsink/archive.h"

namespace kitsink {
namespace {

using testing::ForgedEntry;
using testing::ForgedZip;
using testing::TemporaryFolder;

// Every function that opens a zip must refuse `zip` with the same sentence, which contains `part`, and extract nothing.
void ExpectRefused(const ForgedZip& zip, const std::string& part, const Limits& limits = Limits{}) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "a.zip";
  const Bytes bytes = zip.Build();
  ASSERT_TRUE(WriteFile(path, bytes, Overwrite::kRefuse).ok());
  std::filesystem::create_directory(folder / "out");
  const Result<Bytes> unpacked = UnpackZip(bytes, limits);
  const Result<Shell> loaded = LoadShell(path, limits);
  const Status extracted = ExtractZip(path, folder / "out", limits);
  const Result<ZipListing> listed = ListZip(path, limits);
  ASSERT_TRUE(!unpacked.ok() && !loaded.ok() && !extracted.ok() && !listed.ok()) << part;
  EXPECT_NE(extracted.error().message.find(part), std::string::npos) << extracted.error().message;
  EXPECT_EQ(loaded.error().message, "archive: " + path.string() + unpacked.error().message.substr(7));
  EXPECT_EQ(extracted.error().message, loaded.error().message);
  EXPECT_EQ(extracted.error().message, listed.error().message);
  testing::ExpectDecent(extracted.error());
  EXPECT_TRUE(std::filesystem::is_empty(folder / "out")) << part;
}

ForgedZip Named(const std::string& name) { return {.entries = {{.name = name}}}; }

ForgedZip WithMode(uint32_t mode) { return {.entries = {{.mode = mode}}}; }

TEST(ForgedZip, AnHonestOneOpens) {
  const Result<Bytes> member = UnpackZip(ForgedZip{}.Build(), Limits{});
  ASSERT_TRUE(member.ok()) << member.error().message;
  EXPECT_EQ(member.value(), Bytes({1, 2, 3}));
  EXPECT_TRUE(UnpackZip(ForgedZip{.comment = "a comment"}.Build(), Limits{}).ok());
  EXPECT_TRUE(UnpackZip(WithMode(S_IFREG | 0644).Build(), Limits{}).ok());
  EXPECT_TRUE(UnpackZip(Named("./p").Build(), Limits{}).ok());
}

constexpr uint16_t kSizesFollow = 1 << 3;
constexpr int64_t kAllOnes = 0xffffffff;
const uint32_t kCrc = Crc32(Bytes{1, 2, 3}, 0);

// An entry as Python's zipfile, zip and libarchive write it to a pipe.
ForgedEntry Streamed(const Bytes& record) {
  return {.flags = kSizesFollow, .local_crc = 0, .local_packed_bytes = 0, .local_size_bytes = 0, .behind = record};
}

// The same by a writer that reserves a zip64 extra field for 64-bit sizes.
ForgedEntry Wide(const std::vector<uint64_t>& sizes) {
  return {.local_packed_bytes = kAllOnes, .local_size_bytes = kAllOnes, .local_extra = testing::Zip64Extra(sizes)};
}

// Unpacking and extracting both give the member.
void ExpectOpens(const ForgedZip& zip) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFile(folder / "a.zip", zip.Build(), Overwrite::kRefuse).ok());
  const Result<Bytes> member = UnpackZip(zip.Build(), Limits{});
  ASSERT_TRUE(member.ok()) << member.error().message;
  EXPECT_EQ(member.value(), Bytes({1, 2, 3}));
  const Status extracted = ExtractZip(folder / "a.zip", folder.path(), Limits{});
  ASSERT_TRUE(extracted.ok()) << extracted.error().message;
  EXPECT_EQ(ReadFile(folder / "p", 3).value(), Bytes({1, 2, 3}));
}

TEST(StreamedZip, SizesMayFollowTheData) {
  for (const bool has_signature : {true, false}) {
    for (const bool is_wide : {true, false}) {
      ForgedEntry entry = Streamed(testing::FollowingRecord(has_signature, is_wide, kCrc, 3, 3));
      ExpectOpens({.entries = {entry}});
      entry.local_packed_bytes = entry.local_size_bytes = 3;  // zip knows them when it stores a file
      ExpectOpens({.entries = {entry}});
      entry.local_packed_bytes = entry.local_size_bytes = kAllOnes;
      entry.local_extra = testing::Zip64Extra({0, 0});
      ExpectOpens({.entries = {entry}});
    }
  }
}

TEST(StreamedZip, RecordsBehindTheDataMayNotLie) {
  const std::string part = "the record behind its data is missing or contradicts the directory, at byte 34";
  ExpectRefused({.entries = {Streamed({})}}, part);
  ExpectRefused({.entries = {Streamed(testing::FollowingRecord(true, false, kCrc + 1, 3, 3))}}, part);
  ExpectRefused({.entries = {Streamed(testing::FollowingRecord(true, false, kCrc, 4, 3))}}, part);
  ExpectRefused({.entries = {Streamed(testing::FollowingRecord(false, true, kCrc, 3, 1ULL << 32 | 3))}}, part);
  ForgedEntry entry = Streamed(testing::FollowingRecord(true, false, kCrc, 3, 3));
  entry.local_size_bytes = 4;
  ExpectRefused({.entries = {entry}}, "its own header contradicts the directory");
  entry.local_size_bytes = 0;
  entry.local_flags = 0;
  entry.behind.pop_back();
  ExpectRefused({.entries = {entry}}, part);
  // The data descriptor belongs to the entry: another entry may not begin inside it.
  entry.behind.push_back(0);
  ExpectRefused({.entries = {{.name = "a", .local_byte = 0, .local_name = "p"}, entry}}, "is called \"p\" in its own");
}

TEST(StreamedZip, SmallSizesMayHave64Bits) {
  ExpectOpens({.entries = {Wide({3, 3})}});
  ExpectOpens({.before_end = testing::Zip64End(34)});
  ExpectOpens({.entries = {Wide({3, 3})}, .before_end = testing::Zip64End(54)});
}

TEST(StreamedZip, SizesOf64BitsMayNotLie) {
  const std::string claims = "member \"p\" claims 4 GB or more (zip64) in its own header";
  const std::string contradicts = "its own header contradicts the directory";
  ExpectRefused({.entries = {Wide({})}}, claims);
  ExpectRefused({.entries = {Wide({3})}}, claims);
  ExpectRefused({.entries = {Wide({kAllOnes, kAllOnes})}}, claims);
  ExpectRefused({.entries = {Wide({3, 1ULL << 32 | 3})}}, claims);
  ExpectRefused({.entries = {Wide({4, 3})}}, contradicts);
  ExpectRefused({.entries = {Wide({0, 0})}}, contradicts);
  ForgedEntry twice = Wide({3, 3});
  const Bytes again = testing::Zip64Extra({9, 9});
  twice.local_extra.insert(twice.local_extra.end(), again.begin(), again.end());
  ExpectRefused({.entries = {twice}}, claims);
  const std::string other = "has a zip64 end record that says other than its end record";
  ExpectRefused({.before_end = testing::Zip64End(35)}, other);
  ExpectRefused({.before_end = testing::Zip64End(34, 1ULL << 32)}, other);
  ExpectRefused({.before_end = testing::Zip64End(34, 47, 2)}, other);
  const std::string end = testing::Zip64End(34);
  for (size_t i = 0; i < end.size(); ++i) {
    if (i >= 12 && i < 16) continue;  // versions
    std::string lie = end;
    lie[i] ^= 1;
    ASSERT_FALSE(UnpackZip(ForgedZip{.before_end = lie}.Build(), Limits{}).ok()) << i;
  }
  ExpectRefused({.before_end = end.substr(0, 56)}, "expected to end where the end record begins, at byte 137");
}

TEST(ZipTrick, PathTraversal) {
  for (const char* name : {"../p", "..", "a/../../p", "a/..", "./../p"}) {
    ExpectRefused(Named(name), "leads out of the folder: path traversal by \"..\"");
  }
}

TEST(ZipTrick, AbsoluteNames) {
  ExpectRefused(Named("/p"), "leads out of the folder: an absolute name");
  ExpectRefused(Named("//host/p"), "leads out of the folder: an absolute name");
  ExpectRefused(Named("/dev/sda"), "leads out of the folder: an absolute name");
  ExpectRefused(Named("C:p"), "leads out of the folder: a drive letter");
  ExpectRefused(Named("..\\p"), "member \"..\\\\p\" has a backslash in its name");
}

TEST(ZipTrick, LinksAndSpecialFiles) {
  ExpectRefused(WithMode(S_IFLNK | 0777), "member \"p\" is a symbolic link");
  ExpectRefused(WithMode(S_IFBLK | 0666), "member \"p\" is a device");
  ExpectRefused(WithMode(S_IFCHR | 0666), "member \"p\" is a device");
  ExpectRefused(WithMode(S_IFIFO | 0666), "member \"p\" is a named pipe");
  ExpectRefused(WithMode(S_IFSOCK | 0666), "member \"p\" is a special file");
  ExpectRefused(WithMode(S_IFDIR | 0755), "member \"p\" is a special file, expected a regular file");
  ExpectRefused({.entries = {{.name = "d/"}}}, "member \"d/\" is a folder with contents");
}

TEST(ZipTrick, DuplicateMembers) {
  ExpectRefused({.entries = {{}, {.data = {4}}}}, "member \"p\" is there twice");
  ExpectRefused({.entries = {{}, {.name = "./p"}}}, "member \"p\" is there twice");
  ExpectRefused({.entries = {{.name = "a//p"}, {.name = "a/p"}}}, "member \"a/p\" is there twice");
  ExpectRefused({.entries = {{}, {.name = "p/q"}}}, "member \"p\" is a file, and a folder of member \"p/q\"");
}

TEST(ZipTrick, DeviceNames) {
  for (const char* name : {"NUL", "con", "aux.bin", "x/com1.txt", "LPT9", "prn .z"}) {
    ExpectRefused(Named(name), "is named like a device, ");
  }
  for (const char* name : {"null", "console", "com", "com0", "lpt10", "a.nul"}) {
    EXPECT_TRUE(UnpackZip(Named(name).Build(), Limits{}).ok()) << name;
  }
}

TEST(ZipTrick, NamesThatReadersUnderstandDifferently) {
  ExpectRefused(Named(std::string("p\0.exe", 6)), "member \"p\\x00.exe\" has a zero byte in its name");
  ExpectRefused(Named("p\x1b[2J"), "member \"p\\x1b[2J\" has a control character in its name");
  ExpectRefused(Named("."), "has an empty name");
  ExpectRefused(Named(""), "has an empty name");
  ExpectRefused({.entries = {{.local_name = "q"}}}, "member \"p\" is called \"q\" in its own header");
  ByteWriter extra;
  for (const char name : {'p', 'q'}) {
    extra.U16(0x7075);
    extra.U16(5 + 1);
    extra.U8(1);
    extra.U32(0);
    extra.U8(static_cast<uint8_t>(name));
  }
  const Bytes second_names = extra.Take();
  ExpectRefused({.entries = {{.extra = second_names}}}, "member \"p\" has a second name, \"q\"");
  ExpectRefused({.entries = {{.local_extra = second_names}}}, "member \"p\" is called \"q\" in its own header");
}

TEST(ZipTrick, Encryption) {
  for (const uint16_t flag : std::initializer_list<uint16_t>{1 << 0, 1 << 6, 1 << 13}) {
    ExpectRefused({.entries = {{.flags = flag}}}, "member \"p\" is encrypted");
  }
  ExpectRefused({.entries = {{.method = 99}}}, "member \"p\" is encrypted");
  ExpectRefused({.entries = {{.local_flags = 1}}}, "member \"p\" is encrypted");
}

TEST(ZipTrick, SplitZips) {
  ExpectRefused({.disk = 1}, "is one part of a split zip");
  ExpectRefused({.prefix = "PK\x07\x08"}, "is one part of a split zip");
  ExpectRefused({.entries = {{.disk = 2}}}, "member \"p\" lies in another part of a split zip");
  const Bytes first_part = {'P', 'K', 7, 8, 'P', 'K', 3, 4, 20, 0};
  EXPECT_EQ(UnpackZip(first_part, Limits{}).error().message,
            "archive: is the first part of a split zip, expected a whole one");
}

TEST(ZipTrick, ClaimsOf4GB) {
  constexpr int64_t kFourGb = 0xffffffff;
  ExpectRefused({.entries = {{.packed_bytes = kFourGb, .size_bytes = kFourGb}}}, "member \"p\" claims 4 GB or more");
  ExpectRefused({.entries = {{.method = 8, .size_bytes = kFourGb}}}, "member \"p\" claims 4 GB or more");
  ExpectRefused({.entries = {{.local_size_bytes = kFourGb}}}, "claims 4 GB or more (zip64) in its own header");
  ExpectRefused({.directory_byte = kFourGb}, "claims 4 GB or more (zip64)");
  ExpectRefused({.directory_bytes = kFourGb}, "claims 4 GB or more (zip64)");
  ExpectRefused({.num_entries = 0xffff}, "claims 4 GB or more (zip64)");
  ExpectRefused({.before_end = "PK\x06\x07" + std::string(16, '\0')},
                "has a zip64 end record that says other than its end record");
  // A size just below the zip64 limit, in a file of a few bytes.
  ExpectRefused({.entries = {{.packed_bytes = kFourGb - 1, .size_bytes = kFourGb - 1}}},
                "member \"p\" claims 4294967294 bytes, the zip has 3 for it");
}

TEST(ZipTrick, Bombs) {
  constexpr int64_t kAlmostFourGb = 0xfffffffe;
  ExpectRefused({.entries = {{.method = 8, .size_bytes = kAlmostFourGb}}},
                "is a zip bomb: its files have 4294967294 bytes in 103, limit 100 times as many");
  // Many members that decompress the same bytes.
  ForgedZip overlap{.entries = {{.name = "a"}, {.name = "a"}}};
  overlap.entries[1].name = "b";
  overlap.entries[1].local_name = "b";
  overlap.entries[0].packed_bytes = overlap.entries[0].size_bytes = 20;
  ExpectRefused(overlap, "members \"a\" and \"b\" share bytes, as in a zip bomb");
  overlap = {.entries = {{.name = "a", .local_byte = 0}, {.name = "b", .local_byte = 0, .local_name = "a"}}};
  ExpectRefused(overlap, "member \"b\" is called \"a\" in its own header");
  std::vector<ForgedEntry> many;
  for (int i = 0; i < 3; ++i) many.push_back({.name = std::to_string(i), .method = 8, .size_bytes = kAlmostFourGb});
  ExpectRefused({.entries = many}, "its files have 12884901882 bytes, limit 8589934592");
  Limits limits;
  limits.max_member_bytes = 2;
  EXPECT_EQ(UnpackZip(ForgedZip{}.Build(), limits).error().message, "archive: member \"p\" has 3 bytes, limit 2");
}

// A real bomb: 100 MB of zeros in 100 kB of Deflate data. And a member that decompresses to more than it declares.
TEST(ZipTrick, BombsThatUnfold) {
  const TemporaryFolder folder;
  zip_t* zip = zip_open((folder / "b.zip").c_str(), ZIP_CREATE, nullptr);
  const Bytes zeros(100 << 20);
  const zip_int64_t index = zip_file_add(zip, "p", zip_source_buffer(zip, zeros.data(), zeros.size(), 0), 0);
  ASSERT_EQ(zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), ZIP_CM_DEFLATE, 9), 0);
  ASSERT_EQ(zip_close(zip), 0);
  std::filesystem::create_directory(folder / "out");
  const Status bomb = ExtractZip(folder / "b.zip", folder / "out", Limits{});
  EXPECT_NE(bomb.error().message.find("is a zip bomb"), std::string::npos) << bomb.error().message;
  // 5 fixed Deflate bytes for 300 zeros, declared as 3.
  ForgedZip liar{.entries = {{.data = {0x63, 0x60, 0x18, 0x05, 0x14, 0x02, 0x00}, .method = 8, .size_bytes = 3}}};
  ASSERT_TRUE(WriteFile(folder / "l.zip", liar.Build(), Overwrite::kRefuse).ok());
  const Status lie = ExtractZip(folder / "l.zip", folder / "out", Limits{});
  ASSERT_FALSE(lie.ok());
  EXPECT_NE(lie.error().message.find("member \"p\""), std::string::npos) << lie.error().message;
  EXPECT_TRUE(std::filesystem::is_empty(folder / "out"));
}

TEST(ZipTrick, DirectoriesThatLie) {
  ExpectRefused({.num_entries = 2}, "declares 2 members in a directory of 47 bytes");
  ExpectRefused({.entries = {{}, {.name = "q"}}, .num_entries = 1}, "holds 47 bytes more than its 1 members need");
  ExpectRefused({.directory_byte = 3}, "its directory ends at byte 50, expected to end where the end record begins");
  ExpectRefused({.before_end = "hidden"}, "expected to end where the end record begins");
  ExpectRefused({.entries = {{.local_byte = 5}}}, "member \"p\" has no header of its own, at byte 5");
  ExpectRefused({.entries = {{.local_byte = 1 << 30}}}, "has no header of its own");
  ExpectRefused({.entries = {{.local_size_bytes = 7}}}, "its own header contradicts the directory");
  ExpectRefused({.entries = {{.size_bytes = 2}}}, "is stored, but in 3 bytes, expected 2");
  ExpectRefused({.comment = "PK\x05\x06"}, "no end record");
  ExpectRefused({.comment = "PK\x05\x06" + std::string(18, '\0')}, "expected to end where the end record begins");
  EXPECT_EQ(UnpackZip(ForgedZip{.entries = {{.crc = 1}}}.Build(), Limits{}).error().message,
            "archive: member \"p\": checksum 1438416925, expected 1");
  EXPECT_EQ(UnpackZip(Bytes(22, 'P'), Limits{}).error().message,
            "archive: not a zip archive, starts with \"PPPPPPPP\", expected \"PK\"");
}

TEST(Zip, SaysThatItIsAnLfsPointer) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
  EXPECT_NE(UnpackZip(Bytes(pointer.begin(), pointer.end()), Limits{}).error().message.find("run \"git lfs pull\""),
            std::string::npos);
}

TEST(ZipListing, NamesWhatAnyZipHolds) {
  const TemporaryFolder folder;
  const ForgedZip zip{
      .entries = {{.name = "deep/q", .data = {1}}, {.name = "odd", .method = 77}, {.name = "d/", .data = {}}}};
  ASSERT_TRUE(WriteFile(folder / "a.zip", zip.Build(), Overwrite::kRefuse).ok());
  const ZipListing listing = ListZip(folder / "a.zip", Limits{}).value();
  EXPECT_EQ(listing.size_bytes, zip.Build().size());
  ASSERT_EQ(listing.members.size(), 3U);
  EXPECT_EQ(listing.members[0].name, "deep/q");
  EXPECT_EQ(listing.members[0].sha256, Sha256Hex(Bytes{1}));
  EXPECT_EQ(listing.members[1].method, 77);
  EXPECT_EQ(listing.members[1].sha256, "");
  EXPECT_EQ(ListZip(folder / "none", Limits{}).error().code, Code::kIo);
}

TEST(Quoted, LeavesNothingThatATerminalWouldObey) {
  EXPECT_EQ(Quoted("a b"), "\"a b\"");
  EXPECT_EQ(Quoted("\"\\"), "\"\\\"\\\\\"");
  EXPECT_EQ(Quoted(std::string("\x1b\n\0\x7f\xc3", 5)), "\"\\x1b\\x0a\\x00\\x7f\\xc3\"");
  EXPECT_EQ(Quoted(std::string(100, 'x')), '"' + std::string(80, 'x') + "...\"");
}

}  // namespace
}  // namespace kitsink
