// Tests of reading videos that are joined, padded, cut or mislabelled. PyAV, the contest's reader, says what is right.

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "kitsink/hash.h"
#include "kitsink/video.h"
#include "testlib.h"
#include "video/clip_testlib.h"
#include "video/ffmpeg.h"
#include "video_encoder.h"

namespace kitsink {
namespace {

using testing::Outcome;
using testing::Random;
using testing::ReadToTheEnd;
using testing::TemporaryFolder;
using testing::Truncate;
using testing::WriteMovingClip;

constexpr FrameSize kSize{192, 128};
constexpr size_t kPacketBytes = 188;  // of an MPEG-TS

VideoEncoderOptions Encoder(const std::string& codec, const std::string& options) {
  return {.codec = codec, .codec_options = options};
}

Bytes Load(const std::filesystem::path& path) { return ReadFile(path, 1 << 28).TakeValue(); }

void Save(const std::filesystem::path& path, const Bytes& bytes) {
  ASSERT_TRUE(WriteFile(path, bytes, Overwrite::kAllow).ok());
}

Bytes Join(const Bytes& a, const Bytes& b) {
  Bytes joined = a;
  joined.insert(joined.end(), b.begin(), b.end());
  return joined;
}

bool Has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

// Codecs of transport streams, with the options for groups of six pictures.
const std::pair<const char*, const char*> kStreamCodecs[] = {
    {"libx264", "g=6:bf=2:preset=fast"}, {"libx265", "g=6:preset=fast"}, {"mpeg2video", "g=6:bf=2:b=2M"}};

TEST(TransportStream, JoinedRecordingsGiveTheFramesOfAll) {
  const TemporaryFolder folder;
  for (const auto& [codec, options] : kStreamCodecs) {
    WriteMovingClip(folder / "a.ts", kSize, 12, Encoder(codec, options));
    WriteMovingClip(folder / "b.ts", kSize, 18, Encoder(codec, options));
    Save(folder / "ab.ts", Join(Load(folder / "a.ts"), Load(folder / "b.ts")));
    Outcome expected = ReadToTheEnd(folder / "a.ts");
    const Outcome second = ReadToTheEnd(folder / "b.ts");
    expected.frames.insert(expected.frames.end(), second.frames.begin(), second.frames.end());
    const Outcome outcome = ReadToTheEnd(folder / "ab.ts");
    EXPECT_EQ(outcome.error.message, "") << codec;
    EXPECT_EQ(outcome.frames.size(), 30U) << codec;
    EXPECT_EQ(outcome.frames, expected.frames) << codec;
  }
}

TEST(TransportStream, ZerosBetweenPacketsChangeNothing) {
  const TemporaryFolder folder;
  for (const auto& [codec, options] : kStreamCodecs) {
    WriteMovingClip(folder / "a.ts", kSize, 12, Encoder(codec, options));
    const Outcome expected = ReadToTheEnd(folder / "a.ts");
    const Bytes bytes = Load(folder / "a.ts");
    const auto pad = [&](size_t at_packet, size_t num_packets) {
      Bytes padded = bytes;
      padded.insert(padded.begin() + static_cast<ptrdiff_t>(at_packet * kPacketBytes), num_packets * kPacketBytes, 0);
      Save(folder / "padded.ts", padded);
    };
    for (const size_t at_packet : {bytes.size() / kPacketBytes, size_t{40}}) {
      pad(at_packet, 200);
      const Outcome outcome = ReadToTheEnd(folder / "padded.ts");
      EXPECT_EQ(outcome.error.message, "") << codec;
      EXPECT_EQ(outcome.frames, expected.frames) << codec;
    }
    pad(bytes.size() / kPacketBytes, 400);  // beyond 64 kB PyAV raises an error
    EXPECT_TRUE(Has(ReadToTheEnd(folder / "padded.ts").error.message, "where FFmpeg and PyAV give up")) << codec;
  }
}

TEST(TransportStream, StartsWithTheFirstFrameThatNeedsNoEarlierOne) {
  const TemporaryFolder folder;
  for (const auto& [codec, options] : kStreamCodecs) {
    WriteMovingClip(folder / "a.ts", kSize, 24, Encoder(codec, options));
    const Outcome whole = ReadToTheEnd(folder / "a.ts");
    Bytes bytes = Load(folder / "a.ts");
    // The first three packets say which programs and streams there are.
    bytes.erase(bytes.begin() + ptrdiff_t{3} * kPacketBytes, bytes.begin() + ptrdiff_t{30} * kPacketBytes);
    Save(folder / "cut.ts", bytes);
    ::testing::internal::CaptureStderr();
    const Outcome outcome = ReadToTheEnd(folder / "cut.ts");
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(outcome.error.message, "") << codec;
    EXPECT_TRUE(Has(said, "before the start and cannot be decoded: left out")) << codec << ": " << said;
    ASSERT_GE(outcome.frames.size(), 12U) << codec;
    ASSERT_LT(outcome.frames.size(), 24U) << codec;
    EXPECT_TRUE(std::equal(outcome.frames.rbegin(), outcome.frames.rend(), whole.frames.rbegin())) << codec;
  }
}

// Copies a clip and puts `segment` behind the start marker of every picture, which is a JPEG.
void InsertSegments(const std::filesystem::path& from, const std::filesystem::path& to,
                    std::span<const uint8_t> segment) {
  AVFormatContext* input = nullptr;
  AVFormatContext* output = nullptr;
  ASSERT_GE(avformat_open_input(&input, from.c_str(), nullptr, nullptr), 0);
  ASSERT_GE(avformat_alloc_output_context2(&output, nullptr, nullptr, to.c_str()), 0);
  AVStream* const stream = avformat_new_stream(output, nullptr);
  ASSERT_GE(avcodec_parameters_copy(stream->codecpar, input->streams[0]->codecpar), 0);
  stream->time_base = input->streams[0]->time_base;
  ASSERT_GE(avio_open(&output->pb, to.c_str(), AVIO_FLAG_WRITE), 0);
  ASSERT_GE(avformat_write_header(output, nullptr), 0);
  const FfmpegPtr<AVPacket> packet(av_packet_alloc());
  while (av_read_frame(input, packet.get()) >= 0) {
    const int size = packet->size;
    const auto added = static_cast<int>(segment.size());
    ASSERT_GE(av_grow_packet(packet.get(), added), 0);
    std::copy_backward(packet->data + 2, packet->data + size, packet->data + size + added);
    std::copy(segment.begin(), segment.end(), packet->data + 2);
    av_packet_rescale_ts(packet.get(), input->streams[0]->time_base, stream->time_base);
    ASSERT_GE(av_interleaved_write_frame(output, packet.get()), 0);
  }
  av_write_trailer(output);
  avio_closep(&output->pb);
  avformat_free_context(output);
  avformat_close_input(&input);
}

TEST(Mjpeg, OddMarkerSegmentsAreNoDamage) {
  const TemporaryFolder folder;
  WriteMovingClip(folder / "a.mkv", kSize, 6, {.codec = "mjpeg", .pixel_format = "yuvj420p", .codec_options = ""});
  // An APP1 segment that calls itself EXIF and is not.
  const std::vector<uint8_t> segment = {0xFF, 0xE1, 0, 22, 'E', 'x', 'i', 'f', 0, 0, 1, 2,
                                        3,    4,    5, 6,  7,   8,   9,   10,  9, 8, 7, 6};
  InsertSegments(folder / "a.mkv", folder / "b.mkv", segment);
  const Outcome expected = ReadToTheEnd(folder / "a.mkv");
  EXPECT_EQ(expected.frames.size(), 6U) << expected.error.message;
  ::testing::internal::CaptureStderr();
  const Outcome outcome = ReadToTheEnd(folder / "b.mkv");
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(outcome.error.message, "");
  EXPECT_EQ(outcome.frames, expected.frames);
  EXPECT_TRUE(Has(said, "but no frame shows damage")) << said;
}

TEST(RawHevc, DataThatEndEarlyAreRefused) {
  const TemporaryFolder folder;
  for (const char* const name : {"a.hevc", "a.ts"}) {
    WriteMovingClip(folder / name, kSize, 12, Encoder("libx265", "g=6:preset=fast"));
    const Outcome whole = ReadToTheEnd(folder / name);
    ASSERT_EQ(whole.error.message, "") << name;
    ASSERT_EQ(whole.frames.size(), 12U) << name;
    const uint64_t size_bytes = FileSize(folder / name).value();
    int num_refused = 0;
    for (uint64_t part = 4; part < 24; ++part) {
      const std::string cut = std::string("cut-") + name;
      Truncate(folder / name, folder / cut, size_bytes * part / 24);
      const Outcome outcome = ReadToTheEnd(folder / cut);
      // A cut between two pictures cannot be seen.
      num_refused += outcome.error.code == Code::kCorrupt ? 1 : 0;
      for (const std::string& frame : outcome.frames) {
        EXPECT_EQ(std::count(whole.frames.begin(), whole.frames.end(), frame), 1) << name << " " << part << "/24";
      }
    }
    EXPECT_GE(num_refused, 10) << name;
  }
}

struct FlipCounts {
  int refused = 0;
  int wrong = 0;  // accepted with other frames
};

// Reads `from` 20 times, each time with another bit flipped.
FlipCounts ReadFlipped(const std::filesystem::path& from, const std::filesystem::path& flipped) {
  const Outcome whole = ReadToTheEnd(from);
  Random random(4);
  FlipCounts counts;
  for (int i = 0; i < 20; ++i) {
    Bytes bytes = Load(from);
    bytes[bytes.size() / 4 + random.Below(static_cast<uint32_t>(bytes.size() / 2))] ^= 0x10;
    Save(flipped, bytes);
    const Outcome outcome = ReadToTheEnd(flipped);
    if (outcome.error.code == Code::kCorrupt) {
      ++counts.refused;
    } else if (outcome.frames != whole.frames) {
      ++counts.wrong;
    }
  }
  return counts;
}

TEST(RawHevc, EveryFlippedBitIsSeenWhereTheStreamCarriesHashes) {
  const TemporaryFolder folder;
  WriteMovingClip(folder / "a.hevc", kSize, 24, Encoder("libx265", "g=8:preset=fast:x265-params=hash=1"));
  ASSERT_EQ(ReadToTheEnd(folder / "a.hevc").error.message, "");
  const FlipCounts counts = ReadFlipped(folder / "a.hevc", folder / "b.hevc");
  EXPECT_EQ(counts.wrong, 0);
  EXPECT_GE(counts.refused, 5);
}

TEST(H264, ConcealedPicturesAreRefusedBeforeOthersReferToThem) {
  const TemporaryFolder folder;
  WriteMovingClip(folder / "a.h264", kSize, 18, Encoder("libx264", "g=9:bf=2:preset=fast"));
  const Outcome whole = ReadToTheEnd(folder / "a.h264");
  ASSERT_EQ(whole.frames.size(), 18U) << whole.error.message;
  Random random(5);
  int num_refused = 0;
  for (int i = 0; i < 20; ++i) {
    Bytes bytes = Load(folder / "a.h264");
    const size_t at = bytes.size() / 4 + random.Below(static_cast<uint32_t>(bytes.size() / 2));
    bytes[at] ^= 0x10;
    Save(folder / "b.h264", bytes);
    const Outcome outcome = ReadToTheEnd(folder / "b.h264");
    if (outcome.error.message.empty()) continue;
    ++num_refused;
    EXPECT_EQ(outcome.error.code, Code::kCorrupt) << at;
    EXPECT_TRUE(std::equal(outcome.frames.begin(), outcome.frames.end(), whole.frames.begin())) << at;
  }
  EXPECT_GE(num_refused, 15) << "of 20";
}

TEST(CutFiles, NameThePairsThatCanBeUsed) {
  const TemporaryFolder folder;
  for (const auto& [name, codec] :
       {std::pair{"a.mkv", "libx264"}, {"a.avi", "mpeg4"}, {"a.hevc", "libx265"}, {"b.ts", "libx265"}}) {
    WriteMovingClip(folder / name, kSize, 16, Encoder(codec, "g=4"));
    const std::string cut = std::string("cut-") + name;
    Truncate(folder / name, folder / cut, FileSize(folder / name).value() * 5 / 8 + 1);
    Result<uint64_t> counted = CountPairs(folder / cut, {}, Limits(), SilentProgress());
    ASSERT_FALSE(counted.ok()) << name << ": " << counted.value();
    const std::string message = counted.error().message;
    const size_t at = message.find("; --pairs 0:");
    ASSERT_NE(at, std::string::npos) << message;
    const PairRange range{0, std::stoull(message.substr(at + 12))};
    EXPECT_GE(range.end, 2U) << message;
    counted = CountPairs(folder / cut, range, Limits(), SilentProgress());
    ASSERT_TRUE(counted.ok()) << counted.error().message;
    EXPECT_EQ(counted.value(), range.end);
  }
}

TEST(CountPairs, CountsWhatTheContainerDoesNotKnow) {
  const TemporaryFolder folder;
  for (const auto& [name, codec] :
       {std::pair{"a.hevc", "libx265"}, {"a.h264", "libx264"}, {"a.mpg", "mpeg2video"}, {"a.mkv", "libx264"}}) {
    WriteMovingClip(folder / name, kSize, 13, Encoder(codec, ""));
    const auto count = [&, path = folder / name](const PairRange& range) {
      return CountPairs(path, range, Limits(), SilentProgress());
    };
    EXPECT_EQ(count({}).value(), 6U) << name;
    EXPECT_EQ(count({2, 5}).value(), 3U) << name;
    EXPECT_EQ(count({4, UINT64_MAX}).value(), 2U) << name;
    EXPECT_EQ(count({2, 7}).error().code, Code::kInvalidArgument) << name;
    EXPECT_EQ(PairReader::Open(folder / name, {2, 5}, Limits()).value().estimated_pairs(), 3U) << name;
    Limits limits;
    limits.max_pairs = 5;
    EXPECT_EQ(CountPairs(folder / name, {}, limits, SilentProgress()).error().code, Code::kLimit) << name;
  }
}

TEST(Refusals, NameARemedy) {
  const TemporaryFolder folder;
  WriteMovingClip(folder / "a.mkv", kSize, 2, {.codec = "ffv1", .pixel_format = "yuv444p", .codec_options = ""});
  EXPECT_TRUE(Has(ReadToTheEnd(folder / "a.mkv").error.message, "ffmpeg -i VIDEO -pix_fmt yuv420p"));
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 37545489\n";
  Save(folder / "b.mkv", Bytes(pointer.begin(), pointer.end()));
  const Outcome outcome = ReadToTheEnd(folder / "b.mkv");
  EXPECT_EQ(outcome.error.code, Code::kCorrupt);
  EXPECT_TRUE(Has(outcome.error.message, "run \"git lfs pull\"")) << outcome.error.message;
}

// SHA-256 over the rgb24 frames that PyAV 18.1 and the contest's conversion give.
struct RealFile {
  const char* name;
  uint64_t num_frames;
  const char* sha256;
};

TEST(RealData, AwkwardFilesGiveTheFramesOfPyAv) {
  KIT_SHARED_DATA_OR_SKIP(folder, "awkward");
  for (const RealFile& file : {
           RealFile{"ts_zero_padded.ts", 12, "a8b6a977ce239f749d0791eddf3024c178c4cf73eee8ff4c84946caf41a40486"},
           {"h264_opengop_cut.mkv", 24, "3ba6b1a5a760f7ecb762074ba6ab69d75425fe9be133999f2b22b2075c86b2e2"},
           {"mkv_66pairs_long_audio.mkv", 132, "7b59b51a96537928e641ca21854ef3ba33c8a5f07f3f13da98d47f2aab5271c5"},
           {"hevc_66pairs.hevc", 132, "52049d568428ded9a0875c1de32c4b15e14661e821ba737a4ba1d2234bde36e1"},
           {"negpts.mkv", 12, "8eddf23a4480d933482c4d6f990cc8526f8c34ac1d6408cb744f30f2df696f8b"},
           {"opengop.mp4", 12, "26a75f379c9b084a27427a92be14bf35786947be696ec8afd441651bc93f64f7"},
           {"rot90.mp4", 12, "fe2df2e9f851c3da60fc1ff823f49097011243dae76dd7605a3655cfc8b6fbf4"},
           {"odd.webm", 4, "b52c04ad6ff621d846d026e6b670a27806789356de5029475a77cbff659725ae"},
       }) {
    Result<VideoReader> reader = VideoReader::Open(folder / file.name, Limits());
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    Sha256 hash;
    uint64_t num_frames = 0;
    for (;; ++num_frames) {
      Result<std::optional<Frame>> frame = reader.value().Next();
      ASSERT_TRUE(frame.ok()) << frame.error().message;
      if (!frame.value().has_value()) break;
      hash.Update(frame.value()->rgb);
    }
    EXPECT_EQ(num_frames, file.num_frames) << file.name;
    EXPECT_EQ(hash.FinishHex(), file.sha256) << file.name;
  }
}

TEST(RealData, AwkwardFilesAreCountedOrRefused) {
  KIT_SHARED_DATA_OR_SKIP(folder, "awkward");
  for (const char* const name : {"mkv_66pairs_long_audio.mkv", "hevc_66pairs.hevc"}) {
    EXPECT_EQ(CountPairs(folder / name, {}, Limits(), SilentProgress()).value(), 66U) << name;
  }
  // Without hashes FFmpeg's HEVC decoder does not notice a wrong bit; some change where a picture's data end.
  const TemporaryFolder flipped;
  EXPECT_GE(ReadFlipped(folder / "hevc_66pairs.hevc", flipped / "a.hevc").refused, 4);
  const Result<uint64_t> cut = CountPairs(folder / "hevc_truncated.hevc", {}, Limits(), SilentProgress());
  ASSERT_FALSE(cut.ok());
  EXPECT_TRUE(Has(cut.error().message, "frame 130 is damaged: the picture's data are cut short"))
      << cut.error().message;
  EXPECT_TRUE(Has(cut.error().message, "--pairs 0:65 of compress and score")) << cut.error().message;
  EXPECT_TRUE(Has(ReadToTheEnd(folder / "lfs_pointer.mkv").error.message, "Git LFS pointer"));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(ReadToTheEnd(folder / "h264_opengop_cut.mkv").error.message, "");
  EXPECT_TRUE(Has(::testing::internal::GetCapturedStderr(), "2 frames refer to frames before the start"));
}

}  // namespace
}  // namespace kitsink
