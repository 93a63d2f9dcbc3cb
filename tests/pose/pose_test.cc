// Tests of stream p: quantisation, Laplace tables, round trips, golden streams, rejection.

#include "kitsink/pose.h"

#include <cmath>

#include "format_testlib.h"
#include "kitsink/hash.h"
#include "pose/laplace_table.h"

namespace kitsink {
namespace {

using testing::Random;

// Six columns like PoseNet's: a drifting speed, small rotations and offsets, and one constant column.
std::vector<float> SyntheticPoses(size_t num_rows, uint64_t seed) {
  Random random(seed);
  const auto noise = [&random] { return (static_cast<float>(random.Below(2001)) - 1000.0F) / 1000.0F; };
  std::vector<float> values;
  std::array<float, 5> state{};
  for (size_t row = 0; row < num_rows; ++row) {
    values.push_back(31.0F + 0.8F * noise() + static_cast<float>(row % 100) * 0.02F);
    for (size_t column = 0; column < 4; ++column) {
      state[column] = 0.9F * state[column] + 0.02F * noise();
      values.push_back(state[column] + 0.01F * noise());
    }
    values.push_back(0.0F);
  }
  return values;
}

Track RandomUniformTrack(uint64_t seed, uint32_t rows, uint32_t columns, uint32_t bound) {
  Random random(seed);
  Track track;
  track.num_rows = rows;
  track.num_columns = columns;
  for (size_t i = 0; i < size_t{rows} * columns; ++i) {
    track.values.push_back(static_cast<int32_t>(random.Below(2 * bound + 1)) - static_cast<int32_t>(bound));
  }
  return track;
}

void ExpectRoundTrip(const Track& track) {
  const Result<Bytes> stream = EncodeTrack(track, Limits{});
  ASSERT_TRUE(stream.ok()) << stream.error().message;
  const Result<Track> decoded = DecodeTrack(stream.value(), Limits{});
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded.value(), track);
}

TEST(Pose, UniformTracksSurvive) {
  for (const uint32_t bound : {0U, 1U, 100U, 65535U, 1U << 24}) {
    ExpectRoundTrip(RandomUniformTrack(bound, 1, 1, bound));
    ExpectRoundTrip(RandomUniformTrack(bound, 2, 64, bound));
    ExpectRoundTrip(RandomUniformTrack(bound, 601, 6, bound));
  }
  ExpectRoundTrip(RandomUniformTrack(9, 65535, 1, 3));
}

TEST(Pose, UniformTrackOfExtremesSurvives) {
  Track track;
  track.num_columns = 1;
  track.steps_per_unit = 65535;
  for (int i = 0; i < 50; ++i) track.values.push_back((i / 2 % 2 == 0 ? -1 : 1) * (1 << 24));
  track.num_rows = 50;
  ExpectRoundTrip(track);
}

TEST(Pose, HalfAndBytesTracksSurvive) {
  for (const size_t rows : {size_t{1}, size_t{2}, size_t{3}, size_t{600}}) {
    const Result<Track> track = QuantizeTrack(SyntheticPoses(rows, rows), 6, TrackKind::kHalfAndBytes);
    ASSERT_TRUE(track.ok()) << track.error().message;
    ExpectRoundTrip(track.value());
  }
  const std::vector<float> speeds = {23.3F, 31.9F, 32.1F, 35.0F};
  ExpectRoundTrip(QuantizeTrack(speeds, 1, TrackKind::kHalfAndBytes).value());
}

TEST(Pose, HalfAndBytesRefusesJumpsBeyondItsAlphabet) {
  Track track;
  track.kind = TrackKind::kHalfAndBytes;
  track.num_columns = 1;
  track.num_rows = 3;
  track.values = {0, 8191, 8191};
  ExpectRoundTrip(track);
  track.values = {0, 8192, 0};
  EXPECT_EQ(EncodeTrack(track, Limits{}).error().code, Code::kUnsupported);
}

TEST(Pose, VersionOneCosts87BytesBesideItsCode) {
  const Track track = QuantizeTrack(SyntheticPoses(600, 1), 6, TrackKind::kHalfAndBytes).value();
  const Bytes stream = EncodeTrack(track, Limits{}).value();
  size_t position = 1 + 51, code_bytes = 0;
  for (int column = 0; column < 6; ++column) {
    const size_t length = stream[position + 4] + 256U * stream[position + 5];
    position += 6 + length;
    code_bytes += length;
  }
  EXPECT_EQ(position + 2, stream.size());
  EXPECT_EQ(stream.size(), 1 + 87 + code_bytes + 2);
}

TEST(LaplaceTable, MatchesDecimalArithmeticOfFiftyDigits) {
  // Computed with Python's decimal module at precision 50 and the same rounding.
  EXPECT_EQ(LaplaceFrequencies(0x3400, 5), std::vector<uint32_t>({15796, 289, 289, 5, 5}));
  EXPECT_EQ(LaplaceFrequencies(0x3c00, 7), std::vector<uint32_t>({7780, 2862, 2862, 1053, 1053, 387, 387}));
  struct Case {
    uint16_t scale;
    uint32_t alphabet;
    std::string sha256;  // of the frequencies as u16
  };
  for (const Case& c : {Case{0x4edc, 401, "8bf1b5f0cb56aad4a93347ab669d19b40a48d1a6b3e6737ddeee47affbfb7c62"},
                        Case{0x3e00, 4097, "fc4527051bc56d9171fa280a876a3d423b548b447500e2b63ea3742f0ef11f78"},
                        Case{0x3555, 31, "c3c3cc5fe81740caf9a0bc140c89cbeb26c1b4ae6e62d1f3763fef92f812a133"}}) {
    ByteWriter writer;
    for (const uint32_t frequency : LaplaceFrequencies(c.scale, c.alphabet)) {
      writer.U16(static_cast<uint16_t>(frequency));
    }
    EXPECT_EQ(Sha256Hex(writer.Take()), c.sha256) << c.alphabet;
  }
}

TEST(LaplaceTable, FrequenciesSumToTheTotalAndNeverVanish) {
  for (const uint16_t scale : {uint16_t{0x3400}, uint16_t{0x3c00}, uint16_t{0x5000}, uint16_t{0x7bff}}) {
    for (const uint32_t alphabet : {1U, 3U, 255U, 9999U, 16383U}) {
      const std::vector<uint32_t> frequencies = LaplaceFrequencies(scale, alphabet);
      uint64_t sum = 0;
      for (const uint32_t frequency : frequencies) {
        ASSERT_GE(frequency, 1U);
        sum += frequency;
      }
      EXPECT_EQ(sum, kLaplaceTotal);
    }
  }
}

TEST(LaplaceTable, ScaleIsTheMeanDeviationAsAHalf) {
  EXPECT_EQ(LaplaceScale({}), 0x3400);
  EXPECT_EQ(LaplaceScale(std::vector<int32_t>{7, 7, 7}), 0x3400);
  EXPECT_EQ(LaplaceScale(std::vector<int32_t>{-1, 1}), 0x3c00);
  EXPECT_EQ(LaplaceScale(std::vector<int32_t>{0, 0, 1}), 0x3555);      // 1/3
  EXPECT_EQ(LaplaceScale(std::vector<int32_t>{0, 4095}), 0x67ff + 1);  // 2047.5 ties to even: 2048
  EXPECT_EQ(LaplaceScale(std::vector<int32_t>{-65535, 65535}), 0x7c00);
}

TEST(Pose, QuantizingStaysWithinHalfAStep) {
  const std::vector<float> values = SyntheticPoses(200, 4);
  const Track track = QuantizeTrack(values, 6, TrackKind::kUniformStep).value();
  const std::vector<float> stored = DequantizeTrack(track);
  for (size_t i = 0; i < values.size(); ++i) ASSERT_LE(std::abs(stored[i] - values[i]), 1.0F / 512 + 1e-6F);
  const Track coarse = QuantizeTrack(values, 6, TrackKind::kHalfAndBytes).value();
  const std::vector<float> halves = DequantizeTrack(coarse);
  for (size_t i = 0; i < values.size(); ++i) {
    const float step = i % 6 == 0 ? 1.0F / 32 : coarse.scale[i % 6 - 1];
    ASSERT_LE(std::abs(halves[i] - values[i]), step / 2 + 1e-6F);
  }
}

TEST(Pose, QuantizingRefusesWhatItCannotHold) {
  const std::vector<float> nan = {1.0F, std::nanf("")};
  EXPECT_EQ(QuantizeTrack(nan, 2, TrackKind::kUniformStep).error().code, Code::kInvalidArgument);
  const std::vector<float> large = {70000.0F};
  EXPECT_EQ(QuantizeTrack(large, 1, TrackKind::kUniformStep).error().code, Code::kInvalidArgument);
  EXPECT_EQ(QuantizeTrack(large, 1, TrackKind::kHalfAndBytes).error().code, Code::kInvalidArgument);
  EXPECT_EQ(QuantizeTrack(large, 0, TrackKind::kUniformStep).error().code, Code::kInvalidArgument);
  EXPECT_EQ(QuantizeTrack({}, 6, TrackKind::kUniformStep).error().code, Code::kInvalidArgument);
}

TEST(Pose, EncodingRefusesBadTracks) {
  Track track = RandomUniformTrack(1, 3, 2, 5);
  track.values.pop_back();
  EXPECT_EQ(EncodeTrack(track, Limits{}).error().code, Code::kInvalidArgument);
  track = RandomUniformTrack(1, 3, 2, 5);
  track.steps_per_unit = 0;
  EXPECT_EQ(EncodeTrack(track, Limits{}).error().code, Code::kInvalidArgument);
  track = RandomUniformTrack(1, 3, 2, 5);
  track.values[2] = (1 << 24) + 1;
  EXPECT_EQ(EncodeTrack(track, Limits{}).error().code, Code::kInvalidArgument);
}

TEST(Pose, ChosenTrackIsTheSmallestForItsError) {
  const std::vector<float> values = SyntheticPoses(600, 7);
  const Track chosen = ChooseTrack(values, 6, Limits{}).value();
  const auto cost = [&values](const Track& track) {
    const std::vector<float> stored = DequantizeTrack(track);
    double error = 0;
    for (size_t i = 0; i < values.size(); ++i) error += std::pow(double{stored[i]} - values[i], 2);
    return 25.0 / 37545489 * static_cast<double>(EncodeTrack(track, Limits{}).value().size()) +
           5 / std::sqrt(1e-3) * error / static_cast<double>(values.size());
  };
  EXPECT_LE(cost(chosen), cost(QuantizeTrack(values, 6, TrackKind::kUniformStep).value()));
  EXPECT_LE(cost(chosen), cost(QuantizeTrack(values, 6, TrackKind::kHalfAndBytes).value()));
}

TEST(Pose, ColumnsWithoutSignalCostAFewBytes) {
  Track track;
  track.num_columns = 5;
  track.num_rows = 600;
  track.values.assign(3000, 0);
  EXPECT_LT(EncodeTrack(track, Limits{}).value().size(), 40U);
}

TEST(Pose, RejectsDamage) {
  for (const TrackKind kind : {TrackKind::kHalfAndBytes, TrackKind::kUniformStep}) {
    const Track track = QuantizeTrack(SyntheticPoses(20, 3), 6, kind).value();
    const Bytes stream = EncodeTrack(track, Limits{}).value();
    const auto decode = [](std::span<const uint8_t> bytes) { return DecodeTrack(bytes, Limits{}); };
    testing::ExpectRejectsWrongLengths(stream, decode);
    testing::ExpectRejectsFlips(stream, decode, track, testing::kEveryFlip);
  }
}

TEST(Pose, RejectsVersionsAndLimits) {
  Bytes stream = EncodeTrack(RandomUniformTrack(1, 20, 6, 5), Limits{}).value();
  Limits limits;
  limits.max_pairs = 19;
  EXPECT_EQ(DecodeTrack(stream, limits).error().code, Code::kLimit);
  limits = Limits{};
  limits.max_track_dims = 5;
  EXPECT_EQ(DecodeTrack(stream, limits).error().code, Code::kLimit);
  stream[0] = 3;
  EXPECT_EQ(DecodeTrack(stream, Limits{}).error().message, "pose: version 3, this build reads 1 and 2, at byte 0");
}

TEST(Pose, GoldenStreams) {
  // The input is integers, so that the golden bytes do not depend on floating-point rounding.
  Random random(11);
  Track uniform = RandomUniformTrack(12, 60, 3, 40);
  Track bytes;
  bytes.kind = TrackKind::kHalfAndBytes;
  bytes.num_rows = 60;
  bytes.num_columns = 3;
  bytes.minimum = {-0.5F, 0.25F};
  bytes.scale = {0.125F, 0.0F};
  for (int row = 0; row < 60; ++row) {
    bytes.values.push_back(0x4f00 + static_cast<int32_t>(random.Below(60)));
    bytes.values.push_back(static_cast<int32_t>(random.Below(256)));
    bytes.values.push_back(0);
  }
  for (const auto& [name, track, sha256] :
       {std::tuple<std::string, Track, std::string>{"pose_v1.bin", bytes,
                                                    "5afc8b9ff2f808c80521973b409433869247c09fbb942e910d7738e39f72099d"},
        {"pose_v2.bin", uniform, "7b0a3553903523a3495092af68ad720119c00554b4e81ee59fe8fafa1950c0e3"}}) {
    const Bytes stream = EncodeTrack(track, Limits{}).value();
    testing::ExpectGolden(name, stream);
    EXPECT_EQ(DecodeTrack(stream, Limits{}).value(), track);
    ByteWriter integers;
    for (const int32_t value : track.values) integers.U32(static_cast<uint32_t>(value));
    EXPECT_EQ(Sha256Hex(integers.Take()), sha256) << name;
  }
}

TEST(Pose, RealSpeedsCostNoMoreThanMeasured) {
  KIT_SHARED_DATA_OR_SKIP(path, "poses/poses_600x6.f32");
  const Bytes raw = ReadFile(path, 1 << 20).value();
  ByteReader reader(raw);
  std::vector<float> values(3600);
  for (float& value : values) value = reader.F32();
  const Track uniform = QuantizeTrack(values, 6, TrackKind::kUniformStep).value();
  const Track halves = QuantizeTrack(values, 6, TrackKind::kHalfAndBytes).value();
  const size_t uniform_bytes = EncodeTrack(uniform, Limits{}).value().size();
  const size_t halves_bytes = EncodeTrack(halves, Limits{}).value().size();
  RecordProperty("uniform_bytes", static_cast<int>(uniform_bytes));
  RecordProperty("halves_bytes", static_cast<int>(halves_bytes));
  EXPECT_LE(uniform_bytes, 790U);
  EXPECT_LE(halves_bytes, 720U);
  std::printf("pose: v2 %zu bytes, v1 %zu bytes, chosen steps %u\n", uniform_bytes, halves_bytes,
              ChooseTrack(values, 6, Limits{}).value().steps_per_unit);
}

}  // namespace
}  // namespace kitsink
