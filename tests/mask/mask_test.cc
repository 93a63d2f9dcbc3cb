// Tests of stream m: coder, mixing kernels, matches, round trips, golden streams, rejection.

#include "kitsink/mask.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "kitsink/binary_coder.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "kitsink/logistic.h"
#include "mask/directions.h"
#include "mask/match.h"
#include "mask/mixing.h"
#include "testlib.h"

namespace kitsink {
namespace {

using testing::Random;

MaskClip MakeClip(uint32_t width, uint32_t height, uint32_t count, uint32_t classes,
                  const std::function<uint32_t(uint32_t x, uint32_t y, uint32_t t)>& id) {
  MaskClip clip{width, height, count, classes, {}};
  for (uint32_t t = 0; t < count; ++t) {
    for (uint32_t y = 0; y < height; ++y) {
      for (uint32_t x = 0; x < width; ++x) clip.ids.push_back(static_cast<uint8_t>(id(x, y, t)));
    }
  }
  return clip;
}

// Moving shapes with ragged edges, for which the coder is designed.
MaskClip Street(uint32_t width, uint32_t height, uint32_t count, uint32_t classes, uint64_t seed) {
  Random random(seed);
  return MakeClip(width, height, count, classes, [&](uint32_t x, uint32_t y, uint32_t t) -> uint32_t {
    const uint32_t ragged = x + (random.Below(8) == 0 ? 1 : 0);
    if (y < height / 3) return 0;
    if (ragged > width / 2 - y / 4 && ragged < width / 2 + y / 4) return 1 % classes;
    return (ragged + 3 * t) / 23 % 3 == 0 ? (2 + y / 40) % classes : classes - 1;
  });
}

MaskClip Noise(uint32_t width, uint32_t height, uint32_t count, uint32_t classes, uint64_t seed) {
  Random random(seed);
  return MakeClip(width, height, count, classes, [&](uint32_t, uint32_t, uint32_t) { return random.Below(classes); });
}

// A pattern of all classes with random ids at 1 of 20 pixels.
MaskClip Speckle(uint32_t width, uint32_t height, uint32_t count, uint32_t classes, uint64_t seed) {
  Random random(seed);
  return MakeClip(width, height, count, classes, [&](uint32_t x, uint32_t y, uint32_t t) {
    return random.Below(20) == 0 ? random.Below(classes) : (x / 9 + (y + t) / 7) % classes;
  });
}

Bytes EncodeOrDie(const MaskClip& clip, int level) {
  Result<Bytes> stream = EncodeMask(clip, {level}, Limits{}, SilentProgress());
  EXPECT_TRUE(stream.ok()) << (stream.ok() ? "" : stream.error().message);
  return stream.ok() ? stream.TakeValue() : Bytes{};
}

Result<MaskClip> Decode(std::span<const uint8_t> stream) { return DecodeMask(stream, 1, Limits{}, SilentProgress()); }

void ExpectRoundTrip(const MaskClip& clip) {
  for (int level = 1; level <= kCtwLevel; ++level) {
    const Bytes stream = EncodeOrDie(clip, level);
    const Result<MaskClip> back = Decode(stream);
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(back.value(), clip) << "level " << level;
    uint32_t bits = 1;
    while ((1U << bits) < clip.num_classes) ++bits;
    EXPECT_LE(stream.size(), clip.ids.size() * bits / 8 * 102 / 100 + 64);
    const Result<MaskInfo> info = ReadMaskInfo(stream, Limits{});
    ASSERT_TRUE(info.ok());
    EXPECT_EQ(info.value().level, level);
    EXPECT_EQ(info.value().width, clip.width);
    EXPECT_EQ(info.value().count, clip.count);
  }
}

TEST(MaskMeasure, PartsAddUpToTheStream) {
  const MaskClip clip = Street(96, 64, 6, 5, 3);
  for (int level = 1; level <= kCtwLevel; ++level) {
    const Bytes stream = EncodeOrDie(clip, level);
    const MeasuredMask measured = MeasureMask(stream, 1, Limits{}, SilentProgress()).TakeValue();
    EXPECT_TRUE(measured.clip == clip);
    ASSERT_EQ(measured.parts.size(), 2U + 5U + 1U);
    double bits = 0, class_and_motion_bits = measured.parts[1].bits, map_bits = 0;
    uint64_t pixels = 0;
    for (const StreamPart& part : measured.parts) bits += part.bits;
    for (size_t id = 0; id < 5; ++id) {
      pixels += measured.parts[2 + id].count;
      class_and_motion_bits += measured.parts[2 + id].bits;
      EXPECT_EQ(measured.parts[2 + id].count, static_cast<uint64_t>(std::ranges::count(clip.ids, id)));
    }
    for (const double map : measured.map_bits) map_bits += map;
    EXPECT_NEAR(bits, 8.0 * static_cast<double>(stream.size()), 1e-6);
    EXPECT_EQ(pixels, clip.ids.size());
    EXPECT_EQ(measured.map_bits.size(), 6U);
    EXPECT_NEAR(map_bits, class_and_motion_bits, 1e-6);
    // The rest is the coder's flush and rounding.
    EXPECT_LT(std::abs(measured.parts.back().bits), 80) << "level " << level;
  }
}

TEST(MaskMeasure, StoredMapsCostTheSameEverywhere) {
  const MaskClip clip = Noise(16, 8, 2, 4, 1);
  const Bytes stream = EncodeOrDie(clip, 1);
  ASSERT_TRUE(ReadMaskInfo(stream, Limits{}).value().stored);
  const MeasuredMask measured = MeasureMask(stream, 1, Limits{}, SilentProgress()).TakeValue();
  EXPECT_EQ(measured.parts[2].bits, 2.0 * static_cast<double>(measured.parts[2].count));
  EXPECT_EQ(measured.map_bits, std::vector<double>(2, 256.0));
  EXPECT_EQ(MeasureMask(std::span(stream).first(20), 1, Limits{}, SilentProgress()).error().code, Code::kCorrupt);
}

TEST(BinaryCoder, RoundTripOfSkewedDecisions) {
  Random random(1);
  std::vector<std::pair<int, uint32_t>> decisions;
  for (int i = 0; i < 100000; ++i) {
    const auto p = static_cast<uint32_t>(random.Next() >> (32 + random.Below(32)));
    const uint32_t chance = i % 3 == 0 ? ~p : p;
    decisions.emplace_back((random.Next() >> 32) < chance ? 1 : 0, chance);
  }
  decisions.emplace_back(1, 0U);  // the coder also codes a decision of probability 0
  decisions.emplace_back(0, UINT32_MAX);
  BinaryEncoder encoder;
  for (const auto& [bit, p] : decisions) encoder.Code(bit, p);
  const Bytes bytes = encoder.Finish();
  BinaryDecoder decoder(bytes);
  for (const auto& [bit, p] : decisions) ASSERT_EQ(decoder.Code(0, p), bit);
  EXPECT_FALSE(decoder.failed());
  EXPECT_EQ(decoder.unread(), 0U);
}

TEST(Logistic, SquashAndStretchAreInverse) {
  const LogisticTables& tables = Logistic();
  for (int stretch = -2700; stretch <= 2700; ++stretch) {
    EXPECT_NEAR(Stretch(tables, Squash(tables, stretch) >> 10), stretch, std::abs(stretch) > 2200 ? 12 : 4);
  }
  EXPECT_EQ(Squash(tables, 0), 1U << 31);
}

TEST(Mixing, FastKernelsEqualScalarOnes) {
  Random random(2);
  for (int n = 8; n <= 128; n += 8) {
    std::vector<int32_t> inputs(static_cast<size_t>(n)), weights(inputs.size());
    for (int32_t& in : inputs) in = static_cast<int32_t>(random.Below(8191)) - 4095;
    for (int32_t& w : weights) w = static_cast<int32_t>(random.Below((1U << 23) + 1)) - (1 << 22);
    EXPECT_EQ(BestKernels().dot(weights.data(), inputs.data(), n),
              ScalarKernels().dot(weights.data(), inputs.data(), n));
    std::vector<int32_t> other = weights;
    const int32_t step = static_cast<int32_t>(random.Below(1U << 19)) - (1 << 18) + 1;
    BestKernels().train(weights.data(), inputs.data(), n, step);
    ScalarKernels().train(other.data(), inputs.data(), n, step);
    EXPECT_EQ(weights, other);

    std::vector<int32_t> fine = weights;
    for (int32_t& w : fine) w *= 16;
    EXPECT_EQ(BestKernels().fine_dot(fine.data(), inputs.data(), n),
              ScalarKernels().fine_dot(fine.data(), inputs.data(), n));
    other = fine;
    BestKernels().fine_train(fine.data(), inputs.data(), n, step);
    ScalarKernels().fine_train(other.data(), inputs.data(), n, step);
    EXPECT_EQ(fine, other);

    std::vector<int32_t> table(inputs.size() * 20), sums(inputs.size()), other_sums(inputs.size());
    for (int32_t& value : table) value = static_cast<int32_t>(random.Next());
    std::vector<uint32_t> rows(1 + random.Below(150));
    for (uint32_t& row : rows) row = random.Below(20);
    const int num_rows = static_cast<int>(rows.size());
    BestKernels().sum_rows(sums.data(), table.data(), rows.data(), num_rows, n);
    ScalarKernels().sum_rows(other_sums.data(), table.data(), rows.data(), num_rows, n);
    EXPECT_EQ(sums, other_sums);
    std::vector<int32_t> steps(inputs.size()), other_table = table;
    for (int32_t& value : steps) value = static_cast<int32_t>(random.Below((1U << 21) - 1)) - (1 << 20) + 1;
    const auto rate = static_cast<int32_t>(random.Below(1025));
    BestKernels().add_scaled(table.data(), steps.data(), n, rate);
    ScalarKernels().add_scaled(other_table.data(), steps.data(), n, rate);
    EXPECT_EQ(table, other_table);
  }
}

// Inputs with a large part along an unknown direction: after learning, that part is mostly gone and the rest is kept.
TEST(Directions, AreFoundAndReduced) {
  constexpr size_t kNum = 24;
  Random random(5);
  const auto uniform = [&random](int32_t most) {
    return static_cast<int32_t>(random.Below(static_cast<uint32_t>(2 * most + 1))) - most;
  };
  std::array<int32_t, kNum> pattern{};
  for (int32_t& value : pattern) value = random.Below(2) == 0 ? 1 : -1;
  std::vector<int32_t> inputs(kNum), reduced(kNum);
  Directions directions(kNum, kNum, 2);
  int64_t left = 0, before = 0, rest = 0;
  const auto run = [&] {
    left = before = rest = 0;
    for (int i = 0; i < 2000; ++i) {
      const int32_t common = uniform(2000);
      for (size_t j = 0; j < kNum; ++j) inputs[j] = pattern[j] * common + uniform(100);
      directions.Reduce(inputs, reduced);
      directions.Learn(inputs);
      int64_t along = 0, along_before = 0;
      for (size_t j = 0; j < kNum; ++j) along += reduced[j] * pattern[j], along_before += inputs[j] * pattern[j];
      left += std::abs(along), before += std::abs(along_before);
      rest += std::abs((reduced[0] * pattern[0] - reduced[1] * pattern[1]) -
                       (inputs[0] * pattern[0] - inputs[1] * pattern[1]));
    }
  };
  run();  // learns
  run();
  EXPECT_NEAR(static_cast<double>(left) / static_cast<double>(before), 1.0 / 16, 0.03);
  EXPECT_LT(rest / 2000, 45) << "of differences of 67 on average";
}

TEST(Directions, StayBounded) {
  std::vector<int32_t> inputs(16), reduced(16);
  Directions directions(16, 16, 3);
  Random random(6);
  for (int i = 0; i < 20000; ++i) {
    for (int32_t& in : inputs) in = random.Below(2) == 0 ? kMaxStretch : -kMaxStretch;
    if (i % 3 == 0) std::ranges::fill(inputs, random.Below(2) == 0 ? kMaxStretch : 0);
    directions.Reduce(inputs, reduced);
    directions.Learn(inputs);
    for (const int32_t value : reduced) ASSERT_LT(std::abs(value), 1 << 13);
  }
}

TEST(Match, FastDifferenceEqualsScalarOne) {
  Random random(3);
  const auto map_of = [&random] {
    MapTables map(40, 30, 4);
    map.StartMap(map);
    for (int y = 0; y < 30; ++y) {
      for (int x = 0; x < 40; ++x) map.ids.Row(y)[x] = static_cast<uint8_t>(random.Below(3));
      map.FinishRow(y);
    }
    map.FinishMap();
    return map;
  };
  const MapTables current = map_of(), other = map_of();
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 40; ++x) {
      EXPECT_EQ(Difference(current, other, x, y, 39 - x, 29 - y),
                DifferenceScalar(current, other, x, y, 39 - x, 29 - y));
      EXPECT_EQ(Difference(current, current, x, y, x, y), 0);
    }
  }
}

TEST(Match, FollowsAShiftedMap) {
  const auto map_of = [](int shift_x, int shift_y) {
    MapTables map(64, 48, 4);
    map.StartMap(map);
    for (int y = 0; y < 48; ++y) {
      for (int x = 0; x < 64; ++x) {
        const int u = x - shift_x - 30, v = y - shift_y - 20;
        map.ids.Row(y)[x] = u * u + 2 * v * v < 150 ? 1 : 0;
      }
      map.FinishRow(y);
    }
    map.FinishMap();
    return map;
  };
  const MapTables before = map_of(0, 0), now = map_of(3, -2);
  Matcher matcher(64);
  matcher.StartMap();
  int followed = 0, asked = 0;
  for (int y = 12; y < 24; ++y) {
    for (int x = 16; x < 52; ++x) {
      if (now.ids.Row(y)[x] == now.ids.Row(y)[x - 1] && now.ids.Row(y)[x] == now.ids.Row(y - 1)[x]) continue;
      const Match& match = matcher.Find(now, before, x, y);
      ++asked;
      followed += before.ids.Row(y + match.dy)[x + match.dx] == now.ids.Row(y)[x] ? 1 : 0;
    }
  }
  EXPECT_GT(asked, 20);
  EXPECT_GT(followed * 10, asked * 9);
}

TEST(MaskCodec, RoundTripOfShapes) { ExpectRoundTrip(Street(131, 75, 5, 5, 3)); }

TEST(MaskCodec, RoundTripOfEdgeSizes) {
  ExpectRoundTrip(MakeClip(1, 1, 1, 2, [](auto...) { return 1U; }));
  ExpectRoundTrip(MakeClip(1, 1, 300, 2, [](uint32_t, uint32_t, uint32_t t) { return t & 1; }));
  ExpectRoundTrip(Street(1, 97, 3, 16, 4));
  ExpectRoundTrip(Street(97, 1, 3, 2, 5));
  ExpectRoundTrip(Street(33, 3, 2, 3, 6));
  ExpectRoundTrip(Street(300, 17, 1, 4, 7));
}

TEST(MaskCodec, RoundTripOfNoiseAndConstants) {
  ExpectRoundTrip(Noise(40, 30, 3, 16, 8));
  ExpectRoundTrip(Noise(64, 30, 2, 2, 9));
  ExpectRoundTrip(Noise(50, 30, 2, 5, 10));
  ExpectRoundTrip(MakeClip(200, 100, 4, 16, [](auto...) { return 15U; }));
}

// A flat map after noise is coded as ones alone, and its code may be zero bytes alone.
TEST(MaskCodec, RoundTripOfFlatMapsAfterNoise) {
  for (const uint32_t size : {28U, 32U, 40U, 64U}) {
    for (const uint32_t classes : {2U, 16U}) {
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        Random random(seed);
        ExpectRoundTrip(MakeClip(size, size, 2, classes, [&](uint32_t, uint32_t, uint32_t t) {
          return t > 0 ? 0 : classes == 2 ? (random.Below(4) == 0 ? 1 : 0) : random.Below(classes);
        }));
      }
    }
  }
}

TEST(MaskCodec, RoundTripWhenTheLastMapDiffersWholly) {
  ExpectRoundTrip(MakeClip(90, 60, 4, 6, [](uint32_t x, uint32_t y, uint32_t t) {
    return t < 3 ? (y > 30 ? 1U : 0U) : 2 + (x / 9 + y / 7) % 4;
  }));
}

// Rewrites the damaged copies of a golden stream when the stream changes.
void WriteDamaged(const Bytes& stream) {
  const std::filesystem::path folder = std::filesystem::path(KITSINK_SOURCE_DIR) / "tests/corrupt";
  Bytes longer = stream, shorter = stream, flipped = stream;
  longer.insert(longer.end(), 24, 0x55);
  shorter.resize(stream.size() / 2);
  flipped[stream.size() * 2 / 3] ^= 0x10;
  for (const auto& [name, bytes] : {std::pair{"mask_corrupt_left_over.bin", longer},
                                    {"mask_corrupt_truncated.bin", shorter},
                                    {"mask_corrupt_flipped.bin", flipped}}) {
    ASSERT_TRUE(WriteFile(folder / name, bytes, Overwrite::kAllow).ok());
  }
}

// The streams of two small clips at all levels, byte for byte. UPDATE_GOLDEN=1 rewrites the files; check the diff.
TEST(MaskCodec, GoldenStreams) {
  const std::filesystem::path folder = std::filesystem::path(KITSINK_SOURCE_DIR) / "tests/golden/mask";
  const std::pair<const char*, MaskClip> clips[] = {{"street", Street(131, 75, 4, 5, 20)},
                                                    {"speckle", Speckle(90, 50, 3, 16, 21)}};
  const std::pair<const char*, const char*> hashes[] = {
      {"street", "8f01851e0efd4c6d335a5db8bbf95e7bac1c9d0da2e6a341d0c352ab1dd83fdd"},
      {"speckle", "ba4e7f82a31b266229fe7b82cce516cb0add65ea820a1405339077054d22ff7f"}};
  for (size_t i = 0; i < 2; ++i) {
    const auto& [name, clip] = clips[i];
    EXPECT_EQ(Sha256Hex(clip.ids), hashes[i].second) << name;
    for (int level = 1; level <= kCtwLevel; ++level) {
      const auto path = folder / (std::string(name) + "_level" + MaskLevelName(level) + ".m");
      const Bytes stream = EncodeOrDie(clip, level);
      if (std::getenv("UPDATE_GOLDEN") != nullptr) {
        ASSERT_TRUE(WriteFile(path, stream, Overwrite::kAllow).ok());
        if (i == 0 && level == 2) WriteDamaged(stream);
      }
      const Result<Bytes> golden = ReadFile(path, 1 << 20);
      ASSERT_TRUE(golden.ok()) << golden.error().message;
      EXPECT_EQ(stream, golden.value()) << path;
      const Result<MaskClip> back = Decode(golden.value());
      ASSERT_TRUE(back.ok()) << back.error().message;
      EXPECT_EQ(Sha256Hex(back.value().ids), hashes[i].second) << path;
    }
    // Nothing writes version 1 any more.
    for (int level = 1; level <= 3; ++level) {
      const auto path = folder / (std::string(name) + "_version1_level" + MaskLevelName(level) + ".m");
      const Result<Bytes> stream = ReadFile(path, 1 << 20);
      ASSERT_TRUE(stream.ok()) << stream.error().message;
      const Result<MaskClip> back = Decode(stream.value());
      ASSERT_TRUE(back.ok()) << back.error().message;
      EXPECT_EQ(Sha256Hex(back.value().ids), hashes[i].second) << path;
      EXPECT_EQ(ReadMaskInfo(stream.value(), Limits{}).value().version, 1);
    }
  }
}

TEST(MaskCodec, ThreadsShareTheSegmentsOfAStream) {
  const MaskClip clip = MakeClip(1024, 1024, 16, 3, [](uint32_t x, uint32_t y, uint32_t t) {
    return x + 5 * t > 400 && x < 700 && y > 500 ? 1U + y / 900 : 0U;
  });
  const auto path = std::filesystem::path(KITSINK_SOURCE_DIR) / "tests/golden/mask/block_version1_level1.m";
  const Result<Bytes> stream = ReadFile(path, 1 << 20);
  ASSERT_TRUE(stream.ok()) << stream.error().message;
  EXPECT_EQ(stream.value()[9], 2) << "segments";
  for (const int threads : {1, 2, 7}) {
    const Result<MaskClip> back = DecodeMask(stream.value(), threads, Limits{}, SilentProgress());
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_TRUE(back.value() == clip) << threads << " threads";
  }
}

TEST(MaskCodec, RealMapsTakeFewBytes) {
  KIT_SHARED_DATA_OR_SKIP(path, "masks/class_maps_600x384x512.u8.xz");
  const testing::TemporaryFolder folder;
  const auto raw = folder / "maps.u8";
  ASSERT_EQ(std::system(("xz -dkc '" + path.string() + "' | head -c 4718592 > '" + raw.string() + "'").c_str()), 0);
  const Bytes ids = ReadFile(raw, 4718592).TakeValue();
  ASSERT_EQ(ids.size(), 4718592U);
  const MaskClip clip{512, 384, 24, 5, ids};
  for (const int level : {2, kCtwLevel}) {
    const Bytes stream = EncodeOrDie(clip, level);
    EXPECT_LT(stream.size(), 10000U) << "level " << level;
    EXPECT_EQ(Decode(stream).value(), clip);
  }
}

TEST(MaskEncode, RejectsWhatIsNoClip) {
  const auto code = [](const MaskClip& clip, int level) {
    return EncodeMask(clip, {level}, Limits{}, SilentProgress()).error().code;
  };
  EXPECT_EQ(code({0, 4, 1, 2, {}}, 1), Code::kInvalidArgument);
  EXPECT_EQ(code({2, 2, 1, 2, {0, 1, 1}}, 1), Code::kInvalidArgument);
  EXPECT_EQ(code({2, 2, 1, 2, {0, 1, 1, 2}}, 1), Code::kInvalidArgument);
  EXPECT_EQ(code({2, 2, 1, 1, {0, 0, 0, 0}}, 1), Code::kInvalidArgument);
  EXPECT_EQ(code({2, 2, 1, 2, {0, 0, 0, 0}}, kCtwLevel + 1), Code::kInvalidArgument);
  EXPECT_EQ(code({5000, 1, 1, 2, std::vector<uint8_t>(5000)}, 1), Code::kLimit);
  EXPECT_EQ(code({2, 2, 1, 17, {0, 0, 0, 0}}, 1), Code::kLimit);
}

TEST(MaskDecode, RejectsEveryTruncation) {
  for (const int level : {2, kCtwLevel}) {
    const Bytes stream = EncodeOrDie(Street(48, 40, 2, 4, 11), level);
    for (size_t size = 0; size < stream.size(); ++size) {
      const Result<MaskClip> clip = Decode(std::span(stream).first(size));
      ASSERT_FALSE(clip.ok()) << size;
      EXPECT_EQ(clip.error().code, Code::kCorrupt);
      EXPECT_TRUE(clip.error().message.starts_with("mask: stream m: ")) << clip.error().message;
    }
  }
}

TEST(MaskDecode, RejectsEveryFlippedByte) {
  for (const int level : {2, kCtwLevel}) {
    const Bytes stream = EncodeOrDie(Street(40, 30, 2, 4, 12), level);
    for (size_t at = 0; at < stream.size(); ++at) {
      Bytes altered = stream;
      altered[at] ^= 0xff;
      EXPECT_FALSE(Decode(altered).ok()) << at;
    }
  }
}

TEST(MaskDecode, RejectsLeftovers) {
  Bytes stream = EncodeOrDie(Street(40, 30, 2, 4, 13), 1);
  stream.insert(stream.end(), 20, uint8_t{1});
  EXPECT_EQ(Decode(stream).error().code, Code::kCorrupt);
}

TEST(MaskDecode, ObeysLimits) {
  const Bytes stream = EncodeOrDie(Street(40, 30, 3, 4, 14), 1);
  Limits limits;
  limits.max_map_bytes = 40 * 30 * 3 - 1;
  EXPECT_EQ(DecodeMask(stream, 1, limits, SilentProgress()).error().code, Code::kLimit);
  limits = Limits{};
  limits.max_pairs = 2;
  EXPECT_EQ(ReadMaskInfo(stream, limits).error().code, Code::kLimit);
}

// A stop is an error, returned right after the map in work.
TEST(MaskDecode, StopsWhenAsked) {
  class Stop final : public Progress {
   public:
    void Begin(std::string_view, uint64_t, std::string_view) override {}
    void Update(uint64_t, std::string_view) override { ++updates; }
    void End() override {}
    bool stop_requested() const override { return updates == 2; }
    int updates = 0;
  } stop;
  const Bytes stream = EncodeOrDie(Street(40, 30, 9, 4, 15), 1);
  EXPECT_EQ(DecodeMask(stream, 1, Limits{}, stop).error().code, Code::kInterrupted);
  EXPECT_EQ(stop.updates, 2);
}

// tests/data/README.md says how each file was made.
TEST(MaskDecode, RejectsCorruptFiles) {
  const std::filesystem::path folder = std::filesystem::path(KITSINK_SOURCE_DIR) / "tests/corrupt";
  const std::pair<const char*, const char*> faults[] = {
      {"mask_corrupt_empty.bin", "the head ends early"},
      {"mask_unsupported_version.bin", "version 9, expected 1 or 2, at byte 0"},
      {"mask_corrupt_head_checksum.bin", "checksum of the head"},
      {"mask_unsupported_level.bin", "level 5, expected 1, 2, 3 or 4 (ctw), at byte 1"},
      {"mask_limit_huge.bin", "pixels of the class maps"},
      {"mask_corrupt_no_maps.bin", "count 0, expected at least 1, at byte 2"},
      {"mask_corrupt_segments.bin", "segments 9, expected 1 to 4, at byte 9"},
      {"mask_corrupt_segment_size.bin", "segment of"},
      {"mask_corrupt_truncated.bin", "stream m: "},
      {"mask_corrupt_left_over.bin", "left over"},
      {"mask_corrupt_flipped.bin", "stream m: "},
      {"mask_corrupt_stored_short.bin", "stored maps of"},
      {"mask_corrupt_stored_id.bin", "class id 3, expected below 3, at pixel 0"}};
  for (const auto& [name, message] : faults) {
    const Result<Bytes> bytes = ReadFile(folder / name, 1 << 20);
    ASSERT_TRUE(bytes.ok()) << bytes.error().message;
    const Result<MaskClip> clip = Decode(bytes.value());
    ASSERT_FALSE(clip.ok()) << name;
    EXPECT_NE(clip.error().message.find(message), std::string::npos) << name << ": " << clip.error().message;
  }
}

}  // namespace
}  // namespace kitsink
