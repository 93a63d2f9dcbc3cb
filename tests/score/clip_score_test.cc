// The private parts of the score room: reading ahead, and cached observations.

#include <algorithm>
#include <atomic>
#include <thread>

#include "kitsink/scorer.h"
#include "score/observation_cache.h"
#include "score/prefetch.h"
#include "testlib.h"

namespace kitsink {
namespace {

// Pairs whose first byte counts up to `count`, then the end, or an error.
PairStream Counting(int count, bool fails = false) {
  return [next = 0, count, fails]() mutable -> Result<std::optional<FramePair>> {
    if (next == count && fails) return Error{Code::kCorrupt, "broken off"};
    if (next == count) return std::optional<FramePair>();
    FramePair pair;
    pair.f0.rgb = {static_cast<uint8_t>(next++)};
    return std::optional<FramePair>(std::move(pair));
  };
}

TEST(ReadAhead, KeepsTheOrderAndTheEnd) {
  const PairStream stream = ReadAhead(Counting(50), 3);
  for (int i = 0; i < 50; ++i) {
    const Result<std::optional<FramePair>> pair = stream();
    ASSERT_TRUE(pair.ok() && pair.value().has_value());
    EXPECT_EQ(pair.value()->f0.rgb[0], i);
  }
  for (int i = 0; i < 2; ++i) {
    const Result<std::optional<FramePair>> end = stream();
    EXPECT_TRUE(end.ok() && !end.value().has_value());
  }
}

TEST(ReadAhead, PassesAnErrorOnAfterThePairsBeforeIt) {
  const PairStream stream = ReadAhead(Counting(2, /*fails=*/true), 1);
  EXPECT_TRUE(stream().ok());
  EXPECT_TRUE(stream().ok());
  for (int i = 0; i < 2; ++i) {
    const Result<std::optional<FramePair>> pair = stream();
    ASSERT_FALSE(pair.ok());
    EXPECT_EQ(pair.error().message, "broken off");
  }
}

TEST(ReadAhead, HoldsNoMoreThanAskedForAndMayBeDropped) {
  std::atomic<int> read = 0;
  {
    PairStream counted = [&read, source = Counting(1000)]() mutable {
      ++read;
      return source();
    };
    const PairStream ahead = ReadAhead(std::move(counted), 4);
    EXPECT_TRUE(ahead().ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_LE(read, 6);  // one taken, four waiting, one just read
  }
  const int after = read;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(read, after);
}

Observation MakeObservation(uint64_t seed) {
  testing::Random random(seed);
  Observation observation;
  const size_t pixels = size_t{kModelGrid.width} * kModelGrid.height;
  // Runs of 1 to 300. For odd seeds noise, which gives the longest possible record.
  while (observation.class_map.size() < pixels) {
    const size_t length =
        seed % 2 == 1 ? 1 : std::min<size_t>(1 + random.Below(300), pixels - observation.class_map.size());
    observation.class_map.insert(observation.class_map.end(), length, static_cast<uint8_t>(random.Below(5)));
  }
  for (float& value : observation.pose) value = static_cast<float>(random.Below(1000)) / 7.0F;
  return observation;
}

void WriteCache(const std::filesystem::path& path, const std::string& key, size_t count) {
  Result<ObservationCacheWriter> writer = ObservationCacheWriter::Create(path, key, {1164, 874});
  ASSERT_TRUE(writer.ok()) << writer.error().message;
  for (size_t i = 0; i < count; ++i) ASSERT_TRUE(writer.value().Add(MakeObservation(i)).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(writer.value().Commit().ok());
}

TEST(ObservationCache, GivesBackWhatWasPutIn) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder / "made/on/demand.obs";
  WriteCache(path, "key", 3);
  Result<std::optional<ObservationCacheReader>> reader = ObservationCacheReader::Open(path, "key");
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  ASSERT_TRUE(reader.value().has_value());
  EXPECT_EQ(reader.value()->num_pairs(), 3U);
  EXPECT_EQ(reader.value()->frame_size(), (FrameSize{1164, 874}));
  for (size_t i = 0; i < 3; ++i) {
    const Result<std::optional<Observation>> got = reader.value()->Next();
    ASSERT_TRUE(got.ok() && got.value().has_value());
    EXPECT_EQ(got.value()->class_map, MakeObservation(i).class_map);
    EXPECT_EQ(got.value()->pose, MakeObservation(i).pose);
  }
  const Result<std::optional<Observation>> end = reader.value()->Next();
  EXPECT_TRUE(end.ok() && !end.value().has_value());
}

TEST(ObservationCache, IsNothingWhenThereIsNoFile) {
  const testing::TemporaryFolder folder;
  const Result<std::optional<ObservationCacheReader>> reader = ObservationCacheReader::Open(folder / "none.obs", "key");
  EXPECT_TRUE(reader.ok() && !reader.value().has_value());
}

TEST(ObservationCache, RefusesAnotherKeyAndEveryDamage) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder / "clip.obs";
  WriteCache(path, "key", 2);
  EXPECT_FALSE(ObservationCacheReader::Open(path, "kez").ok());
  const Result<Bytes> whole = ReadFile(path, 1 << 26);
  ASSERT_TRUE(whole.ok());
  const auto open_with = [&](const Bytes& bytes) {
    EXPECT_TRUE(WriteFile(path, bytes, Overwrite::kAllow).ok());
    return ObservationCacheReader::Open(path, "key");
  };
  const size_t size = whole.value().size();
  for (const size_t at : {size_t{0}, size_t{9}, size_t{13}, size_t{30}, size / 2, size - 70, size - 66, size - 1}) {
    Bytes damaged = whole.value();
    damaged[at] ^= 0x10;
    const auto reader = open_with(damaged);
    ASSERT_FALSE(reader.ok()) << "byte " << at;
    EXPECT_EQ(reader.error().code, Code::kCorrupt);
  }
  for (const size_t length : {size_t{0}, size_t{5}, size_t{100}, size / 2, size - 1}) {
    EXPECT_FALSE(open_with(Bytes(whole.value().begin(), whole.value().begin() + static_cast<ptrdiff_t>(length))).ok());
  }
  EXPECT_TRUE(open_with(whole.value()).ok());
}

TEST(InflatedFrames, LeavesOutWhatUpstreamLeavesOut) {
  const testing::TemporaryFolder folder;
  const FrameSize size{4, 2};
  Bytes bytes(5 * size.size_bytes() + 7);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i / size.size_bytes());
  ASSERT_TRUE(WriteFile(folder / "a.raw", bytes, Overwrite::kAllow).ok());
  Result<InflatedFrames> frames = InflatedFrames::Open(folder / "a.raw", size);
  ASSERT_TRUE(frames.ok()) << frames.error().message;
  EXPECT_EQ(frames.value().num_frames(), 5U);
  EXPECT_EQ(frames.value().num_pairs(), 2U);
  EXPECT_EQ(frames.value().trailing_bytes(), 7U);
  EXPECT_EQ(frames.value().Description(), "5 frames of 4 x 2 and 7 bytes more");
  const Result<FramePair> pair = frames.value().ReadPair(1);
  ASSERT_TRUE(pair.ok()) << pair.error().message;
  EXPECT_EQ(pair.value().f0.rgb, std::vector<uint8_t>(size.size_bytes(), 2));
  EXPECT_EQ(pair.value().f1.rgb, std::vector<uint8_t>(size.size_bytes(), 3));
  EXPECT_EQ(InflatedFrames::Open(folder / "none.raw", size).error().code, Code::kIo);
}

}  // namespace
}  // namespace kitsink
