// Tests of bare video streams: round trip, what is left out, damage.

#include <cstdlib>

#include "clip_testlib.h"
#include "kitsink/video_stream.h"
#include "video/stream_units.h"

namespace kitsink {
namespace {

constexpr FrameSize kSize{128, 96};
constexpr uint32_t kPictures = 10;

Bytes Encode(VideoCoding coding, const std::string& encoder_options, int threads = 1) {
  Result<StreamEncoder> encoder = StreamEncoder::Create(kSize, {coding, encoder_options, 20, threads});
  EXPECT_TRUE(encoder.ok()) << encoder.error().message;
  for (uint32_t i = 0; i < kPictures; ++i) {
    EXPECT_TRUE(encoder.value().Write(testing::MovingPicture(kSize, i)).ok());
  }
  Result<Bytes> stream = encoder.value().Finish();
  EXPECT_TRUE(stream.ok()) << stream.error().message;
  return stream.TakeValue();
}

// The decoded pictures, then the error, if any.
struct Decoded {
  std::vector<Yuv420> pictures;
  std::string error;
};
Decoded Decode(VideoCoding coding, std::span<const uint8_t> stream, FrameSize size = kSize,
               uint32_t count = kPictures) {
  Result<StreamDecoder> decoder = StreamDecoder::Open(coding, stream, size, 2);
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

TEST(VideoStream, HoldsOneSequenceHeaderAndOnlyWhatDecodersNeed) {
  for (const auto& [coding, options] : kCodings) {
    const Bytes stream = Encode(coding, options + ":g=3");
    size_t headers = 0, others = 0;
    for (std::span<const uint8_t> rest = stream; !rest.empty();) {
      const Result<StreamUnit> unit = NextUnit(coding, rest);
      ASSERT_TRUE(unit.ok()) << unit.error().message;
      const int type = unit.value().type;
      const bool header = coding == VideoCoding::kAv1 ? type == 1 : type >= 32;
      ++(header ? headers : others);
      const bool picture = coding == VideoCoding::kAv1 ? type >= 3 && type <= 7 && type != 5 : type < 32;
      EXPECT_TRUE(header || picture) << type;
      rest = rest.subspan(unit.value().size);
    }
    EXPECT_EQ(headers, coding == VideoCoding::kAv1 ? 1 : 3);
    EXPECT_GE(others, kPictures);
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
    for (int i = 0; i < 40; ++i) {  // an error, or other pictures; never a crash
      Bytes damaged = stream;
      damaged[random.Below(static_cast<uint32_t>(damaged.size()))] ^= static_cast<uint8_t>(1 + random.Below(255));
      Decode(coding, damaged);
    }
  }
}

TEST(VideoStream, RefusesWrongOptions) {
  const auto error = [](VideoCoding coding, const std::string& options) {
    const Result<StreamEncoder> encoder = StreamEncoder::Create(kSize, {coding, options, 20, 1});
    return encoder.ok() ? std::string() : encoder.error().message;
  };
  EXPECT_EQ(error(VideoCoding::kHevc, "crf"), "encoder: options are no list of key=value separated by colons");
  EXPECT_EQ(error(VideoCoding::kHevc, "colour=blue"), "encoder: libx265 has no option colour");
  EXPECT_EQ(error(VideoCoding::kAv1, "preset=8:colour=blue").substr(0, 12), "encoder: lib");
  EXPECT_NE(error(VideoCoding::kHevc, "preset=sluggish"), "");
}

// An encoder may be dropped before its first picture and between pictures.
TEST(VideoStream, EncodersMayBeDropped) {
  for (const auto& [coding, options] : kCodings) {
    for (const uint32_t count : {0U, 3U}) {
      Result<StreamEncoder> encoder = StreamEncoder::Create(kSize, {coding, options, 20, 1});
      ASSERT_TRUE(encoder.ok()) << encoder.error().message;
      for (uint32_t i = 0; i < count; ++i) {
        EXPECT_TRUE(encoder.value().Write(testing::MovingPicture(kSize, i)).ok());
      }
    }
  }
}

}  // namespace
}  // namespace kitsink
