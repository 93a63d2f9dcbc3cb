// Tests of byte readers and writers, files and hashes.

#include <sys/stat.h>

#include <array>
#include <fstream>
#include <limits>
#include <string_view>

#include "kitsink/at_once.h"
#include "kitsink/bytes.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "testlib.h"

namespace kitsink {
namespace {

using testing::TemporaryFolder;

std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

size_t CountEntries(const std::filesystem::path& folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(Bytes, ReaderReturnsWhatWriterWrote) {
  ByteWriter writer;
  writer.U8(0xfe);
  writer.U16(0x1234);
  writer.U32(0xdeadbeef);
  writer.U64(0x0123456789abcdefU);
  writer.F32(-1.5F);
  const Bytes bytes = writer.Take();
  EXPECT_EQ(bytes[1], 0x34);
  ByteReader reader(bytes);
  EXPECT_EQ(reader.U8(), 0xfe);
  EXPECT_EQ(reader.U16(), 0x1234);
  EXPECT_EQ(reader.U32(), 0xdeadbeef);
  EXPECT_EQ(reader.U64(), 0x0123456789abcdefU);
  EXPECT_EQ(reader.F32(), -1.5F);
  EXPECT_TRUE(reader.Finish("test").ok());
}

TEST(Bytes, ReaderIsStickyPastTheEnd) {
  const Bytes bytes = {1, 2};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.U32(), 0U);
  EXPECT_EQ(reader.U8(), 0U);
  const Status status = reader.Finish("stream x");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kCorrupt);
  EXPECT_EQ(status.error().message, "stream x: ends early, at byte 2");
}

TEST(Bytes, ReaderRejectsLeftovers) {
  const Bytes bytes = {1, 2, 3};
  ByteReader reader(bytes);
  reader.U8();
  const Status status = reader.Finish("stream x");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "stream x: 2 bytes left over, expected none, at byte 1");
}

TEST(File, RoundTripAndRefusalToOverwrite) {
  const TemporaryFolder folder;
  const auto path = folder / "a.bin";
  ASSERT_TRUE(WriteFile(path, AsBytes("hello"), Overwrite::kRefuse).ok());
  EXPECT_EQ(ReadFile(path, 100).value().size(), 5U);
  EXPECT_EQ(WriteFile(path, AsBytes("bye"), Overwrite::kRefuse).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ReadFile(path, 100).value().size(), 5U);
  EXPECT_TRUE(WriteFile(path, AsBytes("bye"), Overwrite::kAllow).ok());
  EXPECT_EQ(ReadFile(path, 100).value().size(), 3U);
  EXPECT_EQ(CountEntries(folder.path()), 1U);
}

TEST(File, UncommittedOutputLeavesNothing) {
  const TemporaryFolder folder;
  {
    Result<OutputFile> file = OutputFile::Create(folder / "a.bin", Overwrite::kRefuse);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file.value().Write("half of it").ok());
    EXPECT_EQ(CountEntries(folder.path()), 1U);
  }
  EXPECT_EQ(CountEntries(folder.path()), 0U);
}

TEST(File, CommitKeepsAFileThatAppearedMeanwhile) {
  const TemporaryFolder folder;
  Result<OutputFile> file = OutputFile::Create(folder / "a.bin", Overwrite::kRefuse);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file.value().Write("ours").ok());
  ASSERT_TRUE(WriteFile(folder / "a.bin", AsBytes("theirs"), Overwrite::kRefuse).ok());
  EXPECT_EQ(file.value().Commit().error().code, Code::kIo);
  EXPECT_EQ(ReadFile(folder / "a.bin", 100).value().size(), 6U);
  EXPECT_EQ(CountEntries(folder.path()), 1U);
}

TEST(File, AGitLfsPointerIsNoVideo) {
  const TemporaryFolder folder;
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 37545489\n";
  ASSERT_TRUE(WriteFile(folder / "a.mkv", AsBytes(pointer), Overwrite::kRefuse).ok());
  const Result<uint64_t> refused = VideoFileSize(folder / "a.mkv");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kCorrupt);
  EXPECT_NE(refused.error().message.find("is a Git LFS pointer, not the video itself; run \"git lfs pull\""),
            std::string::npos)
      << refused.error().message;
  ASSERT_TRUE(WriteFile(folder / "b.mkv", AsBytes("version"), Overwrite::kRefuse).ok());
  EXPECT_EQ(VideoFileSize(folder / "b.mkv").value(), 7U);
  EXPECT_EQ(VideoFileSize(folder / "c.mkv").error().code, Code::kIo);
}

TEST(File, ReportsMissingFoldersAndLimits) {
  const TemporaryFolder folder;
  EXPECT_EQ(ReadFile(folder / "none", 10).error().code, Code::kIo);
  EXPECT_EQ(ReadFile(folder.path(), 10).error().code, Code::kIo);
  ASSERT_TRUE(WriteFile(folder / "a", AsBytes("0123456789a"), Overwrite::kRefuse).ok());
  EXPECT_EQ(ReadFile(folder / "a", 10).error().code, Code::kLimit);
  EXPECT_EQ(WriteFile(folder / "no/such", AsBytes("x"), Overwrite::kRefuse).error().code, Code::kIo);
}

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(Sha256Hex(AsBytes("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Crc32(AsBytes("123456789"), 0), 0xcbf43926U);
  EXPECT_EQ(Crc32(AsBytes("6789"), Crc32(AsBytes("12345"), 0)), 0xcbf43926U);
  EXPECT_EQ(Crc16(AsBytes("123456789")), 0x29b1);
  EXPECT_EQ(Crc8(AsBytes("123456789"), 0), 0xf4);
}

TEST(Hash, FileAndBytesAgree) {
  const TemporaryFolder folder;
  const std::vector<uint8_t> bytes = testing::Random(1).Bytes(3000001);
  ASSERT_TRUE(WriteFile(folder / "a", bytes, Overwrite::kRefuse).ok());
  EXPECT_EQ(Sha256HexOfFile(folder / "a").value(), Sha256Hex(bytes));
}

// A rename over a device or a pipe would replace it.
TEST(Processors, QuotaOfTheInnermostAndOfEveryOuterGroup) {
  const TemporaryFolder folder;
  const auto write = [&folder](const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  };
  const double none = std::numeric_limits<double>::infinity();
  EXPECT_EQ(ProcessorQuota(folder.path()), none);
  write("proc/self/cgroup", "0::/job/step\n");
  EXPECT_EQ(ProcessorQuota(folder.path()), none);
  write("sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
  EXPECT_EQ(ProcessorQuota(folder.path()), none);
  write("sys/fs/cgroup/job/cpu.max", "150000 100000\n");
  EXPECT_EQ(ProcessorQuota(folder.path()), 1.5);
  write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(ProcessorQuota(folder.path()), 0.5);

  write("proc/self/cgroup", "7:memory:/x\n4:cpu,cpuacct:/box\n0::/\n");
  write("sys/fs/cgroup/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(ProcessorQuota(folder.path()), none);
  write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(ProcessorQuota(folder.path()), 3.0);
  EXPECT_GE(CountProcessors(), 1);
}

TEST(CheckWritable, RefusesWhatIsNoRegularFile) {
  const testing::TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const std::filesystem::path& path : {folder / "pipe", std::filesystem::path("/dev/null")}) {
    const Status status = CheckWritable(path, Overwrite::kAllow);
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find("is not a regular file"), std::string::npos) << status.error().message;
    EXPECT_FALSE(OutputFile::Create(path, Overwrite::kAllow).ok());
    // Nor may reading one wait for an end that does not come.
    EXPECT_NE(Sha256HexOfFile(path).error().message.find("is not a regular file"), std::string::npos);
  }
}

}  // namespace
}  // namespace kitsink
