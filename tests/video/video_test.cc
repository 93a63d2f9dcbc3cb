// Tests of colour conversion, video reading, raw frames and PNG.

#include "kitsink/video.h"

#include <cstring>
#include <fstream>

#include "kitsink/hash.h"
#include "testlib.h"
#include "video/clip_testlib.h"
#include "video_encoder.h"

namespace kitsink {
namespace {

using testing::NoisePicture;
using testing::Outcome;
using testing::Random;
using testing::ReadToTheEnd;
using testing::TemporaryFolder;
using testing::Truncate;
using testing::WriteClip;

const VideoEncoderOptions kLossless{.codec = "ffv1", .pixel_format = "yuv420p", .codec_options = "slicecrc=1"};

TEST(Colour, EqualsPyTorchOnKnownBytes) {
  const Bytes golden =
      ReadFile(std::filesystem::path(KITSINK_SOURCE_DIR) / "tests/golden/yuv420_rgb.bin", 1 << 20).TakeValue();
  ByteReader reader(golden);
  int num_pictures = 0;
  while (reader.remaining() > 0) {
    Yuv420 picture;
    picture.size.width = reader.U16();
    picture.size.height = reader.U16();
    const size_t chroma = size_t{(picture.size.width + 1) / 2} * ((picture.size.height + 1) / 2);
    const auto take = [&reader](size_t count) {
      const auto bytes = reader.Take(count);
      return std::vector<uint8_t>(bytes.begin(), bytes.end());
    };
    picture.y = take(size_t{picture.size.width} * picture.size.height);
    picture.u = take(chroma);
    picture.v = take(chroma);
    EXPECT_EQ(ConvertToRgb(picture).rgb, take(picture.size.size_bytes()))
        << picture.size.width << " x " << picture.size.height;
    ++num_pictures;
  }
  EXPECT_EQ(num_pictures, 7);
}

TEST(Colour, LimitedRangeEndsAndClamps) {
  const auto convert = [](uint8_t y, uint8_t u, uint8_t v) {
    return ConvertToRgb({{2, 2}, std::vector<uint8_t>(4, y), {u}, {v}}).rgb;
  };
  EXPECT_EQ(convert(16, 128, 128), std::vector<uint8_t>(12, 0));
  EXPECT_EQ(convert(235, 128, 128), std::vector<uint8_t>(12, 255));
  EXPECT_EQ(convert(0, 128, 128), std::vector<uint8_t>(12, 0));
  EXPECT_EQ(convert(255, 128, 128), std::vector<uint8_t>(12, 255));
  EXPECT_EQ(convert(126, 128, 128), std::vector<uint8_t>(12, 128));  // 128.08
}

TEST(VideoReader, ReturnsEveryFrameOfALosslessClipInOrder) {
  const TemporaryFolder folder;
  for (const FrameSize size : {FrameSize{64, 48}, FrameSize{63, 47}}) {
    const auto path = folder / "a.mkv";
    WriteClip(path, size, 7, kLossless);
    Result<VideoReader> reader = VideoReader::Open(path, Limits());
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_EQ(reader.value().frame_size(), size);
    EXPECT_EQ(reader.value().estimated_frames(), 7U);
    EXPECT_DOUBLE_EQ(reader.value().frames_per_second(), 20.0);
    for (uint64_t i = 0; i < 7; ++i) {
      Result<std::optional<Frame>> frame = reader.value().Next();
      ASSERT_TRUE(frame.ok()) << frame.error().message;
      ASSERT_TRUE(frame.value().has_value());
      EXPECT_EQ(frame.value()->rgb, ConvertToRgb(NoisePicture(size, i)).rgb) << "frame " << i;
    }
    for (int i = 0; i < 2; ++i) {  // Next() at the end returns the end again
      Result<std::optional<Frame>> end = reader.value().Next();
      ASSERT_TRUE(end.ok());
      EXPECT_FALSE(end.value().has_value());
    }
  }
}

TEST(VideoReader, SkipsFrames) {
  const TemporaryFolder folder;
  const FrameSize size{64, 48};
  WriteClip(folder / "a.mkv", size, 3, kLossless);
  Result<VideoReader> reader = VideoReader::Open(folder / "a.mkv", Limits());
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_TRUE(reader.value().Skip().value());
  EXPECT_EQ(reader.value().Next().value()->rgb, ConvertToRgb(NoisePicture(size, 1)).rgb);
  EXPECT_TRUE(reader.value().Skip().value());
  EXPECT_FALSE(reader.value().Skip().value());
}

TEST(VideoReader, ReadsReorderedFramesOfEveryContainer) {
  const TemporaryFolder folder;
  for (const auto& [name, codec] : {std::pair{"a.mkv", "libx265"},
                                    {"a.mp4", "libx265"},
                                    {"a.hevc", "libx265"},
                                    {"b.mkv", "libx264"},
                                    {"b.mp4", "libx264"}}) {
    VideoEncoderOptions options{.codec = codec, .codec_options = "preset=medium"};
    WriteClip(folder / name, {64, 48}, 11, options);
    const Outcome outcome = ReadToTheEnd(folder / name);
    EXPECT_EQ(outcome.error.message, "") << name;
    EXPECT_EQ(outcome.frames.size(), 11U) << name;
  }
}

TEST(VideoReader, RefusesOtherPixelFormatsByName) {
  const TemporaryFolder folder;
  for (const auto& [format, words] : {std::pair{"yuv420p10le", "10-bit yuv420p10le, expected 8-bit 4:2:0"},
                                      {"yuv444p", "8-bit yuv444p, expected 8-bit 4:2:0"},
                                      {"yuv422p", "8-bit yuv422p, expected 8-bit 4:2:0"}}) {
    VideoEncoderOptions options = kLossless;
    options.pixel_format = format;
    WriteClip(folder / "a.mkv", {32, 32}, 2, options);
    const Outcome outcome = ReadToTheEnd(folder / "a.mkv");
    EXPECT_EQ(outcome.error.code, Code::kUnsupported);
    EXPECT_NE(outcome.error.message.find(words), std::string::npos) << outcome.error.message;
  }
}

TEST(VideoReader, RefusesWhatIsNoVideo) {
  const TemporaryFolder folder;
  EXPECT_EQ(ReadToTheEnd(folder / "missing.mkv").error.code, Code::kIo);
  EXPECT_EQ(ReadToTheEnd(folder.path()).error.code, Code::kIo);
  const auto refused = [&](const std::string& name, std::span<const uint8_t> bytes) {
    ASSERT_TRUE(WriteFile(folder / name, bytes, Overwrite::kAllow).ok());
    const Outcome outcome = ReadToTheEnd(folder / name);
    EXPECT_EQ(outcome.error.code, Code::kCorrupt) << name << ": " << outcome.error.message;
    EXPECT_EQ(outcome.error.message.find('\n'), std::string::npos);
  };
  refused("empty.mkv", {});
  refused("noise.mkv", Random(1).Bytes(100000));
  const std::string text(5000, 'x');
  refused("words.txt", {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  // A playlist names other files, which must not be opened.
  WriteClip(folder / "a.mkv", {32, 32}, 2, kLossless);
  const std::string playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.mkv\n#EXT-X-ENDLIST\n";
  refused("list.m3u8", {reinterpret_cast<const uint8_t*>(playlist.data()), playlist.size()});
  ASSERT_TRUE(SavePng(folder / "a.png", {{8, 8}, std::vector<uint8_t>(192)}, Overwrite::kAllow).ok());
  EXPECT_EQ(ReadToTheEnd(folder / "a.png").error.code, Code::kCorrupt);
}

TEST(VideoReader, ATruncatedFileIsAnErrorAndNotAShorterClip) {
  const TemporaryFolder folder;
  for (const auto& [name, codec, options] :
       {std::tuple{"f.mkv", "ffv1", ""}, {"x.mkv", "libx265", "preset=ultrafast"}, {"x.mp4", "libx265", ""}}) {
    WriteClip(folder / name, {64, 48}, 12, {.codec = codec, .codec_options = options});
    const uint64_t size_bytes = FileSize(folder / name).value();
    for (uint64_t part = 1; part < 16; ++part) {
      const std::string cut = std::string("cut-") + name;
      Truncate(folder / name, folder / cut, size_bytes * part / 16);
      const Outcome outcome = ReadToTheEnd(folder / cut);
      EXPECT_EQ(outcome.error.code, Code::kCorrupt)
          << name << " " << part << "/16: " << outcome.frames.size() << " frames, " << outcome.error.message;
    }
  }
}

TEST(VideoReader, DamagedPicturesAreErrors) {
  const TemporaryFolder folder;
  WriteClip(folder / "a.mkv", {64, 48}, 8, kLossless);
  Bytes bytes = ReadFile(folder / "a.mkv", 1 << 28).TakeValue();
  bytes[bytes.size() / 2] ^= 0x55;  // FFV1 slices carry a CRC
  ASSERT_TRUE(WriteFile(folder / "b.mkv", bytes, Overwrite::kAllow).ok());
  const Outcome outcome = ReadToTheEnd(folder / "b.mkv");
  EXPECT_EQ(outcome.error.code, Code::kCorrupt);
  EXPECT_NE(outcome.error.message.find("CRC mismatch"), std::string::npos) << outcome.error.message;
}

TEST(VideoReader, RefusesASizeThatChangesMidway) {
  const TemporaryFolder folder;
  const VideoEncoderOptions x264{.codec = "libx264", .codec_options = "preset=ultrafast"};
  WriteClip(folder / "a.h264", {64, 48}, 4, x264);
  WriteClip(folder / "b.h264", {32, 32}, 4, x264);
  Bytes bytes = ReadFile(folder / "a.h264", 1 << 28).TakeValue();
  const Bytes tail = ReadFile(folder / "b.h264", 1 << 28).TakeValue();
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  ASSERT_TRUE(WriteFile(folder / "c.h264", bytes, Overwrite::kAllow).ok());
  const Outcome outcome = ReadToTheEnd(folder / "c.h264");
  EXPECT_EQ(outcome.error.code, Code::kUnsupported);
  EXPECT_EQ(outcome.frames.size(), 4U);
  EXPECT_NE(outcome.error.message.find("32 x 32, expected 64 x 48"), std::string::npos) << outcome.error.message;
}

TEST(VideoReader, HonoursTheLimitOnSize) {
  const TemporaryFolder folder;
  WriteClip(folder / "a.mkv", {64, 48}, 2, kLossless);
  Limits limits;
  limits.max_dimension = 63;
  EXPECT_EQ(VideoReader::Open(folder / "a.mkv", limits).error().code, Code::kLimit);
}

TEST(Raw, RoundTripInAnyOrder) {
  const TemporaryFolder folder;
  const FrameSize size{5, 3};
  Random random(3);
  std::vector<Frame> frames;
  Result<RawCanvas> canvas = RawCanvas::Open(folder / "a.raw", size, 4);
  ASSERT_TRUE(canvas.ok());
  for (int i = 0; i < 4; ++i) frames.push_back({size, random.Bytes(size.size_bytes())});
  for (const uint64_t i : {2U, 0U, 3U, 1U}) ASSERT_TRUE(canvas.value().Write(i, frames[i]).ok());
  ASSERT_TRUE(canvas.value().Flush().ok());
  Result<RawReader> reader = RawReader::Open(folder / "a.raw", size);
  ASSERT_TRUE(reader.ok());
  ASSERT_EQ(reader.value().num_frames(), 4U);
  for (const uint64_t i : {3U, 0U, 2U, 1U}) EXPECT_EQ(reader.value().Read(i).value().rgb, frames[i].rgb);
}

TEST(Raw, RefusesAPartialFrameAndNoticesAShrinkingFile) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFile(folder / "a.raw", Random(1).Bytes(100), Overwrite::kRefuse).ok());
  const auto refused = RawReader::Open(folder / "a.raw", {4, 4});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kCorrupt);
  EXPECT_NE(refused.error().message.find("100 bytes, expected a multiple of 48 (4 x 4 x 3)"), std::string::npos);
  EXPECT_EQ(RawReader::Open(folder / "missing.raw", {4, 4}).error().code, Code::kIo);
  Result<RawReader> reader = RawReader::Open(folder / "a.raw", {10, 1});
  EXPECT_EQ(reader.ok(), false);
  ASSERT_TRUE(WriteFile(folder / "b.raw", Random(1).Bytes(96), Overwrite::kRefuse).ok());
  reader = RawReader::Open(folder / "b.raw", {4, 4});
  ASSERT_TRUE(reader.ok());
  std::filesystem::resize_file(folder / "b.raw", 60);
  EXPECT_TRUE(reader.value().Read(0).ok());
  EXPECT_EQ(reader.value().Read(1).error().code, Code::kIo);
}

TEST(Png, RoundTripAndRejection) {
  const TemporaryFolder folder;
  for (const FrameSize size : {FrameSize{1, 1}, FrameSize{37, 21}}) {
    const Frame frame{size, Random(9).Bytes(size.size_bytes())};
    ASSERT_TRUE(SavePng(folder / "a.png", frame, Overwrite::kAllow).ok());
    const Result<Frame> loaded = LoadPng(folder / "a.png");
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded.value().size, size);
    EXPECT_EQ(loaded.value().rgb, frame.rgb);
  }
  EXPECT_EQ(SavePng(folder / "a.png", {{1, 1}, {1, 2, 3}}, Overwrite::kRefuse).error().code, Code::kInvalidArgument);
  Truncate(folder / "a.png", folder / "b.png", FileSize(folder / "a.png").value() / 2);
  EXPECT_EQ(LoadPng(folder / "b.png").error().code, Code::kCorrupt);
  EXPECT_EQ(LoadPng(folder / "missing.png").error().code, Code::kIo);
}

// SHA-256 of rgb24 frames that tools/parity/yuv_reference.py converts from FFmpeg's yuv420p.
struct RealClip {
  const char* name;
  uint64_t num_frames;
  std::vector<std::pair<uint64_t, const char*>> sha256;
};

void ExpectRealClip(const std::filesystem::path& path, const RealClip& clip) {
  Result<VideoReader> reader = VideoReader::Open(path, Limits());
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_EQ(reader.value().frame_size(), kContestFrameSize);
  EXPECT_EQ(reader.value().estimated_frames(), clip.num_frames);
  size_t num_checked = 0;
  for (uint64_t i = 0;; ++i) {
    Result<std::optional<Frame>> frame = reader.value().Next();
    ASSERT_TRUE(frame.ok()) << frame.error().message;
    if (!frame.value().has_value()) {
      EXPECT_EQ(i, clip.num_frames);
      break;
    }
    for (const auto& [index, digest] : clip.sha256) {
      if (index != i) continue;
      EXPECT_EQ(Sha256Hex(frame.value()->rgb), digest) << "frame " << i;
      ++num_checked;
    }
  }
  EXPECT_EQ(num_checked, clip.sha256.size());
}

TEST(RealData, ContestClipEqualsTheReference) {
  KIT_SHARED_DATA_OR_SKIP(path, "video/contest_first32.mkv");
  ExpectRealClip(path, {"contest",
                        32,
                        {{0, "09b2d90056ff3b3a3ef719e33fc429b6032043d571f0a8d0eead14b9a572a9c2"},
                         {1, "2b8824eb92f333317ffeddd2e2d3b471095b136d6ea92d74f903d33593075f3e"},
                         {31, "3402d1449d475dace54653e67e0baa3b163ae2807eb1a6567229abfa3c20169d"}}});
}

TEST(RealData, RoadClipEqualsTheReference) {
  KIT_SHARED_DATA_OR_SKIP(path, "video/road_20.mkv");
  ExpectRealClip(path, {"road",
                        20,
                        {{0, "68e4cca98159f5245fe420949092bb807fe83f81fb25221c4105392fef92050d"},
                         {11, "5ff87edea013a34e59f45cd4127a761be6528faa7d53be609c03f3ddb2e50980"},
                         {19, "e1b910ae1414d0334d73547b708b9c27f70a7ffe6635d687cd34db2364e8b931"}}});
}

}  // namespace
}  // namespace kitsink
