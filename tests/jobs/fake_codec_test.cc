// A codec that only this test knows, taken through every job: what is generic is generic.

#include "jobs/fake_codec.h"

#include <set>

#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "kitsink/jobs.h"
#include "kitsink/manifest.h"
#include "kitsink/score_jobs.h"
#include "testlib.h"

namespace kitsink {
namespace {

using testing::FakeOptions;
using ::testing::KilledBySignal;

constexpr PairRange kPairs{0, 5};  // of the clip's eight; the last group has one pair
const std::filesystem::path kClip = std::filesystem::path(KITSINK_SOURCE_DIR) / "models/demo/road.mkv";

// Asks to stop once `updates` were seen.
class StopAfter final : public Progress {
 public:
  explicit StopAfter(int updates) : left_(updates) {}
  void Begin(std::string_view, uint64_t, std::string_view) override {}
  void Update(uint64_t, std::string_view) override { --left_; }
  void End() override {}
  bool stop_requested() const override { return left_ <= 0; }

 private:
  int left_;
};

Bytes BytesOf(const std::filesystem::path& path) {
  Result<Bytes> bytes = ReadFile(path, uint64_t{1} << 30);
  EXPECT_TRUE(bytes.ok()) << bytes.error().message;
  return bytes.ok() ? bytes.TakeValue() : Bytes();
}

std::set<std::string> NamesIn(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

class FakeCodec : public ::testing::Test {
 protected:
  FakeCodec() {
    job_.codecs = testing::FakeCodecs();
    job_.nets_folder = std::filesystem::path(KITSINK_SOURCE_DIR) / "models/standin";
    job_.device = "cpu";
    job_.threads = 2;
    compress_.video = kClip;
    compress_.archive = folder_ / "clip.zip";
    compress_.codec = "fake";
    inflate_.archive = compress_.archive;
    inflate_.folder = folder_ / "out";
  }

  Result<CompressReport> RunCompress(const FakeOptions& options = {}, Progress& progress = SilentProgress()) {
    CompressOptions compress = compress_;
    compress.options = options;
    JobOptions job = job_;
    job.pairs = kPairs;
    return Compress(compress, job, progress);
  }

  Result<InflateReport> RunInflate(const std::string& name, const FakeOptions& options = {},
                                   Progress& progress = SilentProgress()) {
    InflateOptions inflate = inflate_;
    inflate.name = name;
    inflate.options = options;
    return Inflate(inflate, job_, progress);
  }

  void MakeArchive() {
    const Result<CompressReport> report = RunCompress();
    ASSERT_TRUE(report.ok()) << report.error().message;
  }

  // The frames as an undisturbed job writes them.
  void MakeFrames() {
    MakeArchive();
    const Result<InflateReport> report = RunInflate("whole");
    ASSERT_TRUE(report.ok()) << report.error().message;
    whole_ = BytesOf(folder_ / "out/whole.raw");
    ASSERT_EQ(whole_.size(), 2 * kPairs.end * kContestFrameSize.size_bytes());
  }

  testing::TemporaryFolder folder_;
  JobOptions job_;
  CompressOptions compress_;
  InflateOptions inflate_;
  Bytes whole_;
};

// GoogleTest runs suites of this name first: they fork, before other tests have started threads.
using FakeCodecDeathTest = FakeCodec;

TEST_F(FakeCodecDeathTest, KilledCompressGoesOnToTheSameBytes) {
  compress_.archive = folder_ / "killed.zip";
  FakeOptions options;
  options.kill_at = 3;
  EXPECT_EXIT(static_cast<void>(RunCompress(options)), KilledBySignal(SIGKILL), "");
  EXPECT_FALSE(std::filesystem::exists(compress_.archive));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "killed.zip.resume"));
  std::atomic<uint64_t> worked = 0;
  options = {.worked = &worked};
  const Result<CompressReport> report = RunCompress(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(worked, 2U) << "pairs 0 to 2 were done";
  compress_.archive = folder_ / "clip.zip";
  MakeArchive();
  EXPECT_EQ(BytesOf(folder_ / "killed.zip"), BytesOf(folder_ / "clip.zip"));
  EXPECT_EQ(NamesIn(folder_.path()),
            (std::set<std::string>{"clip.zip", "clip.zip.json", "killed.zip", "killed.zip.json"}));
}

TEST_F(FakeCodecDeathTest, KilledInflateGoesOnToTheSameBytes) {
  MakeFrames();
  FakeOptions options;
  options.kill_at = 3;  // in the middle of the second group
  EXPECT_EXIT(static_cast<void>(RunInflate("killed", options)), KilledBySignal(SIGKILL), "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/killed.raw"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out/killed.raw.resume"));
  std::atomic<uint64_t> worked = 0;
  const Result<InflateReport> report = RunInflate("killed", {.worked = &worked});
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(worked, 3U) << "the first group was done";
  EXPECT_EQ(report.value().pairs_done, 5U);
  EXPECT_TRUE(BytesOf(folder_ / "out/killed.raw") == whole_);
  EXPECT_EQ(NamesIn(folder_ / "out"), (std::set<std::string>{"killed.json", "killed.raw", "whole.json", "whole.raw"}));
}

TEST_F(FakeCodec, IsInNoListOfTheProgram) {
  EXPECT_NE(FormatCodecs().Find("search"), nullptr);
  EXPECT_EQ(FormatCodecs().Find("fake"), nullptr);
  EXPECT_EQ(EngineCodecs().FindEngine(testing::kFakeCodecId), nullptr);
  compress_.codec = "search";
  const Result<CompressReport> report = RunCompress();
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, Code::kInvalidArgument);
  EXPECT_EQ(report.error().message, "codec: got \"search\", expected one of fake");
}

TEST_F(FakeCodec, CompressWritesVersionTwo) {
  const Result<CompressReport> report = RunCompress();
  ASSERT_TRUE(report.ok()) << report.error().message;
  const LoadedArchive loaded = LoadArchive(compress_.archive, job_.limits).TakeValue();
  const Bytes member = WriteMember(loaded.member, job_.limits).TakeValue();
  EXPECT_EQ(member[0], 0xb2);
  EXPECT_EQ(member.size(), 4 + 30U) << "magic, codec, check byte, one length; six bytes a pair";
  EXPECT_EQ(loaded.member.codec, testing::kFakeCodecId);
  EXPECT_EQ(loaded.member.frame_size, kContestFrameSize);
  EXPECT_EQ(report.value().num_pairs, 5U);
  EXPECT_EQ(report.value().header_bytes, 4U);
  EXPECT_EQ(report.value().container_bytes, 100U);
  EXPECT_EQ(report.value().archive_bytes, 134U);
  ASSERT_EQ(report.value().sections.size(), 2U);
  EXPECT_EQ(report.value().sections[1].size_bytes, 15U);
  EXPECT_EQ(report.value().remarks, std::vector<std::string>{"all frames became their mean colours"});
  const Json manifest = Json::parse(report.value().json);
  EXPECT_EQ(manifest["codec"], "fake");
  EXPECT_EQ(manifest["num_pairs"], 5);
  EXPECT_EQ(manifest["archive"]["sha256"], report.value().archive_sha256);
  EXPECT_EQ(manifest["sections"]["f0"], 15);
  EXPECT_FALSE(manifest.contains("nets"));
}

TEST_F(FakeCodec, StoppedCompressGoesOnToTheSameBytes) {
  MakeArchive();
  const Bytes undisturbed = BytesOf(compress_.archive);
  compress_.archive = folder_ / "stopped.zip";
  StopAfter stop(2);
  const Result<CompressReport> stopped = RunCompress({}, stop);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, Code::kInterrupted);
  EXPECT_FALSE(std::filesystem::exists(compress_.archive));
  std::atomic<uint64_t> worked = 0;
  ASSERT_TRUE(RunCompress({.worked = &worked}).ok());
  EXPECT_EQ(worked, 3U);
  EXPECT_EQ(BytesOf(compress_.archive), undisturbed);
}

TEST_F(FakeCodec, ShardsInAnyOrderGiveTheSameFrames) {
  MakeFrames();
  inflate_.shard.count = 3;
  for (const uint64_t index : {2, 0, 1}) {
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out/shards.raw"));
    inflate_.shard.index = index;
    const Result<InflateReport> report = RunInflate("shards");
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_EQ(report.value().json.empty(), index != 1);
  }
  EXPECT_TRUE(BytesOf(folder_ / "out/shards.raw") == whole_);
}

TEST_F(FakeCodec, CallsAtOnceGiveTheSameFrames) {
  MakeFrames();
  ASSERT_TRUE(RunInflate("at-once", {.calls_at_once = 3}).ok());
  EXPECT_TRUE(BytesOf(folder_ / "out/at-once.raw") == whole_);
}

TEST_F(FakeCodec, StoppedInflateGoesOnToTheSameFrames) {
  MakeFrames();
  StopAfter stop(1);
  const Result<InflateReport> stopped = RunInflate("stopped", {}, stop);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, Code::kInterrupted);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/stopped.raw"));
  ASSERT_TRUE(RunInflate("stopped").ok());
  EXPECT_TRUE(BytesOf(folder_ / "out/stopped.raw") == whole_);
}

TEST_F(FakeCodec, AskedPairsAreAPartOfTheWhole) {
  MakeFrames();
  const size_t pair_bytes = 2 * kContestFrameSize.size_bytes();
  for (const PairRange& asked : {PairRange{1, 4}, PairRange{3, 4}, PairRange{4, 5}}) {
    const std::string name = "part-" + std::to_string(asked.first);
    job_.pairs = asked;
    const Result<InflateReport> report = RunInflate(name);
    ASSERT_TRUE(report.ok()) << report.error().message;
    const Bytes part = BytesOf(folder_ / ("out/" + name + ".raw"));
    EXPECT_TRUE(std::ranges::equal(
        part, std::span(whole_).subspan(asked.first * pair_bytes, (asked.end - asked.first) * pair_bytes)));
  }
  job_.pairs = PairRange{4, 6};
  const Result<InflateReport> outside = RunInflate("outside");
  ASSERT_FALSE(outside.ok());
  EXPECT_EQ(outside.error().message, "pairs: range 4:6, the archive has 0:5");
}

TEST_F(FakeCodec, InflateSaysWhatItIsMadeOf) {
  MakeFrames();
  const Result<RawManifest> manifest = LoadRawManifest(folder_ / "out/whole.json");
  ASSERT_TRUE(manifest.ok()) << manifest.error().message;
  EXPECT_EQ(manifest.value().archive_pairs, 5U);
  EXPECT_EQ(manifest.value().original, kClip.lexically_normal());
  EXPECT_TRUE(manifest.value().trace.after.empty());
  EXPECT_EQ(manifest.value().raw_sha256, Sha256Hex(whole_));
}

TEST_F(FakeCodec, IsDescribedAndVerifiedAtEveryDepth) {
  MakeFrames();
  for (const DescribeDepth depth : {DescribeDepth::kQuick, DescribeDepth::kWhole, DescribeDepth::kMeasured}) {
    const auto described = DescribeArchive(compress_.archive, depth, job_, SilentProgress());
    ASSERT_TRUE(described.ok()) << described.error().message;
    EXPECT_EQ(described.value().format->name, "fake");
    EXPECT_EQ(described.value().format_version, 2);
    EXPECT_EQ(described.value().frame_size, kContestFrameSize);
    EXPECT_EQ(described.value().archive_bytes, 134U);
    EXPECT_EQ(described.value().header_bytes, 4U);
    EXPECT_EQ(described.value().container_bytes, 100U);
    EXPECT_EQ(described.value().description.num_pairs, 5U);
    EXPECT_EQ(described.value().description.pair_bits.size(), depth == DescribeDepth::kMeasured ? 5U : 0U);
    const ArchiveFacts facts{described.value().sha256, described.value().frame_size, 5};
    const Result<RawCheck> check = CheckRaw(folder_ / "out/whole.raw", facts);
    ASSERT_TRUE(check.ok()) << check.error().message;
    EXPECT_TRUE(check.value().has_manifest);
    EXPECT_EQ(check.value().num_pairs, 5U);
  }
}

// The page knows no codec: it shows the sections and columns that this one describes.
TEST_F(FakeCodec, HasAPage) {
  MakeArchive();
  const Result<ArchivePage> page = MakeArchivePage(compress_.archive, {}, job_, SilentProgress());
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_EQ(page.value().codec, "fake");
  EXPECT_EQ(page.value().archive_bytes, 134U);
  EXPECT_EQ(page.value().original_from, "the archive's manifest");
  EXPECT_EQ(page.value().original_bytes, FileSize(kClip).value());
  const std::string html = FormatArchivePage(page.value());
  EXPECT_NE(html.find("f0, colours of f0</td><td>15</td>"), std::string::npos);
  EXPECT_NE(html.find("aria-label=\"red of f0\""), std::string::npos);
  EXPECT_EQ(html.find("<h2>Class maps</h2>"), std::string::npos);
}

TEST_F(FakeCodec, PacksWhatItUnpacks) {
  MakeArchive();
  const Result<uint64_t> unpacked = Unpack(compress_.archive, folder_ / "t", job_, SilentProgress());
  ASSERT_TRUE(unpacked.ok()) << unpacked.error().message;
  const LoadedTensors tensors = LoadTensorFile(folder_ / "t").TakeValue();
  EXPECT_EQ(tensors.size_bytes, unpacked.value());
  EXPECT_EQ(tensors.file.metadata,
            (std::map<std::string, std::string>{{"codec", "fake"}, {"frame_height", "874"}, {"frame_width", "1164"}}));
  const Result<PackReport> packed = Pack(folder_ / "t", folder_ / "packed.zip", {}, job_, SilentProgress());
  ASSERT_TRUE(packed.ok()) << packed.error().message;
  EXPECT_EQ(packed.value().codec, "fake");
  EXPECT_EQ(BytesOf(folder_ / "packed.zip"), BytesOf(compress_.archive));
  const Result<PackReport> repacked = Repack(compress_.archive, folder_ / "re.zip", {}, job_, SilentProgress());
  ASSERT_TRUE(repacked.ok()) << repacked.error().message;
  EXPECT_EQ(repacked.value().before_bytes, 134U);
  EXPECT_EQ(BytesOf(folder_ / "re.zip"), BytesOf(compress_.archive));
  EXPECT_TRUE(LoadCompressManifest(folder_ / "re.zip.json").ok());
}

TEST_F(FakeCodec, KeepsAnotherFrameSize) {
  TensorFile file;
  const Bytes grey(6, 128);
  file.tensors["f0"] = file.tensors["f1"] = MakeTensor({2, 3}, std::span<const uint8_t>(grey));
  file.metadata = {{"codec", "fake"}, {"frame_width", "20"}, {"frame_height", "300"}};
  ASSERT_TRUE(WriteFile(folder_ / "t", WriteTensors(file), Overwrite::kRefuse).ok());
  const Result<PackReport> packed = Pack(folder_ / "t", compress_.archive, {}, job_, SilentProgress());
  ASSERT_TRUE(packed.ok()) << packed.error().message;
  const auto described = DescribeArchive(compress_.archive, DescribeDepth::kWhole, job_, SilentProgress());
  ASSERT_TRUE(described.ok()) << described.error().message;
  EXPECT_EQ(described.value().frame_size, (FrameSize{20, 300}));
  EXPECT_EQ(described.value().header_bytes, 7U);
  ASSERT_TRUE(RunInflate("small").ok());
  EXPECT_EQ(BytesOf(folder_ / "out/small.raw"), Bytes(size_t{4} * 20 * 300 * 3, 128));
}

TEST_F(FakeCodec, IsScoredByItsArchiveAlone) {
  MakeFrames();
  job_.pairs = kPairs;
  ScoreOptions options;
  options.inflated = folder_ / "out/whole.raw";
  options.use_cache = false;
  const Result<ScoreReport> report = RunScore(options, job_, SilentProgress());
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report.value().codec, "fake");
  EXPECT_FALSE(report.value().nets_at_inflate);
  EXPECT_EQ(report.value().score.archive_bytes, 134U);
  EXPECT_EQ(report.value().num_pairs, 5U);
  EXPECT_GT(report.value().score.seg, 0.0);
  for (const std::string& note : report.value().notes) EXPECT_EQ(note.find("assumed"), std::string::npos) << note;
  const Json json = Json::parse(FormatScoreJson(report.value()));
  EXPECT_EQ(json["codec"], "fake");
  EXPECT_EQ(json["nets_at_inflate"], false);
  EXPECT_FALSE(json.contains("archive_plus_nets"));
  EXPECT_EQ(FormatScore(report.value()).find("plus"), std::string::npos) << FormatScore(report.value());
}

TEST_F(FakeCodec, IsUnknownToTheProgramItself) {
  MakeArchive();
  EXPECT_EQ(IdentifyCodec(compress_.archive, job_).name, "fake");
  EXPECT_FALSE(IdentifyCodec(compress_.archive, job_).nets_at_inflate);
  job_.codecs = EngineCodecs();
  EXPECT_EQ(IdentifyCodec(compress_.archive, job_).name, "");
  std::vector<Error> errors;
  const auto expect = [&errors](const auto& result) {
    ASSERT_FALSE(result.ok());
    errors.push_back(result.error());
  };
  expect(DescribeArchive(compress_.archive, DescribeDepth::kQuick, job_, SilentProgress()));
  expect(MakeArchivePage(compress_.archive, {}, job_, SilentProgress()));
  expect(RunInflate("unknown"));
  expect(Unpack(compress_.archive, folder_ / "t", job_, SilentProgress()));
  expect(Repack(compress_.archive, folder_ / "re.zip", {}, job_, SilentProgress()));
  for (const Error& error : errors) {
    EXPECT_EQ(error.code, Code::kUnsupported);
    EXPECT_EQ(error.message,
              compress_.archive.string() + ": archive: is of codec 15, which this build does not know, at byte 1");
  }
  EXPECT_EQ(NamesIn(folder_.path()), (std::set<std::string>{"clip.zip", "clip.zip.json"}));
}

}  // namespace
}  // namespace kitsink
