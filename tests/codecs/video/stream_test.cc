// Tests of bare video streams: encoders, units and decoders together.

#include <cstdlib>

#include "codecs/video/units.h"
#include "kitsink/video_stream.h"
#include "video/clip_testlib.h"

namespace kitsink::video {
namespace {

constexpr FrameSize kSize{128, 96};
constexpr uint32_t kPictures = 10;

Bytes Encode(VideoCoding coding, const std::string& options, int threads = 1, FrameSize size = kSize,
             uint32_t count = kPictures) {
  Result<StreamEncoder> encoder = StreamEncoder::Create(size, {coding, options, "", 20, threads});
  EXPECT_TRUE(encoder.ok()) << encoder.error().message;
  for (uint32_t i = 0; i < count; ++i) {
    EXPECT_TRUE(encoder.value().Write(testing::MovingPicture(size, i)).ok());
  }
  const Result<std::vector<Bytes>> packets = encoder.value().Finish();
  EXPECT_TRUE(packets.ok()) << packets.error().message;
  StreamPacker packer(static_cast<StreamCoding>(coding));
  for (const Bytes& packet : packets.value()) EXPECT_TRUE(packer.Add(packet).ok());
  return packer.Take();
}

// The decoded pictures, then the error, if any.
struct Decoded {
  std::vector<Yuv420> pictures;
  std::string error;
};
Decoded Decode(VideoCoding coding, std::span<const uint8_t> stream, FrameSize size = kSize, uint32_t count = kPictures,
               int threads = 2) {
  // A list that is wrong is given to the decoder as one unit.
  Stream whole{static_cast<StreamCoding>(coding), kSize, kPictures / 2, false, {stream.begin(), stream.end()}};
  const auto split = SplitUnits(whole);
  std::vector<std::span<const uint8_t>> units{stream};
  if (split.ok()) units = split.value();
  Result<StreamDecoder> decoder = StreamDecoder::Open(coding, units, size, threads);
  EXPECT_TRUE(decoder.ok()) << decoder.error().message;
  Decoded decoded;
  for (uint32_t i = 0; i < count; ++i) {
    Result<Yuv420> picture = decoder.value().Next();
    if (!picture.ok()) return {std::move(decoded.pictures), picture.error().message};
    decoded.pictures.push_back(picture.TakeValue());
  }
  const Status finished = decoder.value().Finish();
  if (!finished.ok()) decoded.error = finished.error().message;
  return decoded;
}

double MeanDifference(const Yuv420& a, const Yuv420& b) {
  double sum = 0;
  for (size_t i = 0; i < a.y.size(); ++i) sum += std::abs(int{a.y[i]} - int{b.y[i]});
  return sum / static_cast<double>(a.y.size());
}

const std::pair<VideoCoding, std::string> kCodings[] = {{VideoCoding::kAv1, "crf=20:preset=8"},
                                                        {VideoCoding::kHevc, "crf=12:preset=fast"}};

TEST(VideoStream, GivesThePicturesBackInOrder) {
  for (const auto& [coding, options] : kCodings) {
    const Bytes stream = Encode(coding, options);
    const Decoded decoded = Decode(coding, stream);
    EXPECT_EQ(decoded.error, "");
    ASSERT_EQ(decoded.pictures.size(), kPictures);
    for (uint32_t i = 0; i < kPictures; ++i) {
      EXPECT_LT(MeanDifference(decoded.pictures[i], testing::MovingPicture(kSize, i)), 6) << VideoCodingName(coding);
      EXPECT_GT(MeanDifference(decoded.pictures[i], testing::MovingPicture(kSize, i + 3)), 9);
    }
    EXPECT_EQ(Encode(coding, options), stream) << "not deterministic";
    EXPECT_EQ(Encode(coding, options, 2), stream) << "depends on the number of threads";
  }
}

// FFmpeg compares the pixels of its buffers, whose sides are rounded up, with the limit that it is given.
TEST(VideoStream, DecodesSizesThatFillNoBuffer) {
  for (const VideoCoding coding : {VideoCoding::kAv1, VideoCoding::kHevc}) {
    const FrameSize size{130, 98};
    EXPECT_EQ(Decode(coding, Encode(coding, "", 1, size, 1), size, 1).error, "") << VideoCodingName(coding);
  }
}

TEST(VideoStream, HoldsOneSequenceHeaderAndOnlyWhatDecodersNeed) {
  for (const auto& [coding, options] : kCodings) {
    const Bytes stream = Encode(coding, options + ":g=3");
    const Stream whole{static_cast<StreamCoding>(coding), kSize, kPictures / 2, false, stream};
    const auto units = SplitUnits(whole);
    ASSERT_TRUE(units.ok()) << units.error().message;
    size_t headers = 0;
    for (const std::span<const uint8_t> unit : units.value()) {
      headers += coding == VideoCoding::kAv1 ? unit[0] >> 3 == 1 : unit[3] >> 1 >= 32;
    }
    EXPECT_EQ(headers, coding == VideoCoding::kAv1 ? 1 : 3);
    EXPECT_GE(units.value().size(), headers + kPictures);
    EXPECT_EQ(Decode(coding, stream).error, "");
  }
}

TEST(VideoStream, RefusesDamage) {
  for (const auto& [coding, options] : kCodings) {
    const Bytes stream = Encode(coding, options);
    for (size_t cut = 0; cut < stream.size(); cut += 1 + stream.size() / 50) {
      const Decoded decoded = Decode(coding, std::span(stream).first(cut));
      EXPECT_TRUE(decoded.error.starts_with("stream: picture ")) << decoded.error;
    }
    EXPECT_NE(Decode(coding, stream, {kSize.width, kSize.height - 8}).error, "");
    EXPECT_NE(Decode(coding, stream, {kSize.width * 2, kSize.height}).error, "");
    EXPECT_NE(Decode(coding, stream, kSize, kPictures - 1).error.find("one more than expected"), std::string::npos);
    EXPECT_NE(Decode(coding, stream, kSize, kPictures + 1).error.find("is missing"), std::string::npos);
    testing::Random random(3);
    for (int i = 0; i < 40; ++i) {  // an error, or other pictures, the same with any number of threads; never a crash
      Bytes damaged = stream;
      damaged[random.Below(static_cast<uint32_t>(damaged.size()))] ^= static_cast<uint8_t>(1 + random.Below(255));
      const Decoded one = Decode(coding, damaged, kSize, kPictures, 1), two = Decode(coding, damaged);
      EXPECT_EQ(one.error.empty(), two.error.empty()) << one.error << two.error;
      EXPECT_TRUE(one.pictures.size() == two.pictures.size() &&
                  std::ranges::equal(one.pictures, two.pictures,
                                     [](const Yuv420& a, const Yuv420& b) { return a.y == b.y && a.u == b.u; }));
    }
  }
}

TEST(VideoStream, RefusesWrongOptions) {
  const auto error = [](VideoCoding coding, const std::string& options) {
    const Result<StreamEncoder> encoder = StreamEncoder::Create(kSize, {coding, "", options, 20, 1});
    return encoder.ok() ? std::string() : encoder.error().message;
  };
  EXPECT_EQ(error(VideoCoding::kHevc, "crf"), "encoder: options are no list of key=value separated by colons");
  EXPECT_EQ(error(VideoCoding::kHevc, "colour=blue"), "encoder: libx265 has no option colour");
  EXPECT_EQ(error(VideoCoding::kAv1, "preset=8:colour=blue").substr(0, 12), "encoder: lib");
  EXPECT_NE(error(VideoCoding::kHevc, "preset=sluggish"), "");
  constexpr const char* kOtherPictures = "encoder: its options change the size or the format of the pictures";
  EXPECT_EQ(error(VideoCoding::kAv1, "video_size=256x384"), kOtherPictures);
  EXPECT_EQ(error(VideoCoding::kHevc, "video_size=256x384"), kOtherPictures);
  EXPECT_EQ(error(VideoCoding::kHevc, "lowres=1"), kOtherPictures);
  EXPECT_EQ(error(VideoCoding::kHevc, "pixel_format=gray"), kOtherPictures);
  const auto repeated = StreamEncoder::Create(kSize, {VideoCoding::kHevc, "crf=30", "crf=20", 20, 1});
  ASSERT_FALSE(repeated.ok());
  EXPECT_EQ(repeated.error().message, "encoder: option crf is set by an option of kitsink's own");
}

// An encoder may be dropped before its first picture and between pictures.
TEST(VideoStream, EncodersMayBeDropped) {
  for (const auto& [coding, options] : kCodings) {
    for (const uint32_t count : {0U, 3U}) {
      Result<StreamEncoder> encoder = StreamEncoder::Create(kSize, {coding, "", options, 20, 1});
      ASSERT_TRUE(encoder.ok()) << encoder.error().message;
      for (uint32_t i = 0; i < count; ++i) {
        EXPECT_TRUE(encoder.value().Write(testing::MovingPicture(kSize, i)).ok());
      }
    }
  }
}

}  // namespace
}  // namespace kitsink::video
