// What long jobs share: resume folders, shards, threads, time limits.

#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "codec/resume.h"
#include "codec/search_threads.h"
#include "codec/watchdog.h"
#include "kitsink/at_once.h"
#include "kitsink/codec.h"
#include "kitsink/video.h"
#include "testlib.h"

namespace kitsink {
namespace {

using testing::TemporaryFolder;

TEST(ResumeFolder, KeepsEntriesOfTheSamePlanOnly) {
  const TemporaryFolder folder;
  const auto output = folder / "a.raw";
  const Json plan = {{"archive", "abc"}, {"options", {{"steps", 80}}}};
  {
    const ResumeFolder first = ResumeFolder::Open(output, plan, Overwrite::kRefuse).TakeValue();
    EXPECT_FALSE(first.resumed());
    ASSERT_TRUE(first.Save("x", std::string_view("ready")).ok());
  }
  const ResumeFolder again = ResumeFolder::Open(output, plan, Overwrite::kAllow).TakeValue();
  EXPECT_TRUE(again.resumed());
  EXPECT_EQ(again.Load("x").value(), (Bytes{'r', 'e', 'a', 'd', 'y'}));

  const Json other = {{"archive", "abc"}, {"options", {{"steps", 40}}}};
  const auto refused = ResumeFolder::Open(output, other, Overwrite::kRefuse);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("holds unfinished work of another job (options.steps 80, now 40)"),
            std::string::npos)
      << refused.error().message;
  EXPECT_TRUE(again.Has("x"));
  const ResumeFolder emptied = ResumeFolder::Open(output, other, Overwrite::kAllow).TakeValue();
  EXPECT_FALSE(emptied.resumed());
  EXPECT_FALSE(emptied.Has("x"));
}

TEST(ResumeFolder, PublishesOnceAndGoes) {
  const TemporaryFolder folder;
  const auto output = folder / "a.raw";
  const ResumeFolder resume = ResumeFolder::Open(output, Json::object(), Overwrite::kRefuse).TakeValue();
  ASSERT_TRUE(resume.Save("frames", std::string_view("f")).ok());
  ASSERT_TRUE(resume.Publish("frames", output).ok());
  ASSERT_TRUE(resume.Publish("frames", output).ok());
  EXPECT_EQ(ReadFile(output, 10).value(), Bytes{'f'});
  EXPECT_TRUE(resume.exists());
  ASSERT_TRUE(resume.Remove().ok());
  EXPECT_FALSE(resume.exists());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(ResumeFolder, SaysWhenItCannotBeMade) {
  const TemporaryFolder folder;
  const auto result = ResumeFolder::Open(folder / "none" / "a.raw", Json::object(), Overwrite::kRefuse);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kIo);
}

TEST(RawCanvas, FramesArriveInAnyOrderFromSeveralWriters) {
  const TemporaryFolder folder;
  const FrameSize size{3, 2};
  const auto frame = [&size](uint8_t value) { return Frame{size, std::vector<uint8_t>(size.size_bytes(), value)}; };
  {
    RawCanvas one = RawCanvas::Open(folder / "a", size, 3).TakeValue();
    RawCanvas two = RawCanvas::Open(folder / "a", size, 3).TakeValue();
    ASSERT_TRUE(two.Write(2, frame(7)).ok());
    ASSERT_TRUE(one.Write(0, frame(5)).ok());
    ASSERT_TRUE(one.Write(1, frame(6)).ok());
    ASSERT_TRUE(one.Flush().ok());
  }
  RawReader reader = RawReader::Open(folder / "a", size).TakeValue();
  ASSERT_EQ(reader.num_frames(), 3U);
  for (uint8_t i = 0; i < 3; ++i) EXPECT_EQ(reader.Read(i).value().rgb, frame(uint8_t(5 + i)).rgb);
}

TEST(RawCanvas, AFullDiskShowsAtOnce) {
  const TemporaryFolder folder;
  const auto canvas = RawCanvas::Open(folder / "a", kContestFrameSize, uint64_t{1} << 38);
  ASSERT_FALSE(canvas.ok());
  EXPECT_EQ(canvas.error().code, Code::kIo);
  EXPECT_NE(canvas.error().message.find("cannot reserve"), std::string::npos) << canvas.error().message;
}

TEST(Shard, PartsCoverAllGroupsOnce) {
  for (const uint64_t groups : {1U, 2U, 7U, 600U}) {
    for (const uint64_t count : {1U, 2U, 3U, 8U}) {
      uint64_t next = 0;
      for (uint64_t index = 0; index < count; ++index) {
        const PairRange part = Shard{index, count}.PartOf(groups);
        EXPECT_EQ(part.first, next);
        next = part.end;
      }
      EXPECT_EQ(next, groups);
    }
  }
}

TEST(Shard, IsReadFromTextAndLaunchers) {
  for (const char* name :
       {"RANK", "WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS"}) {
    unsetenv(name);
  }
  EXPECT_EQ(ParseShard("2/3").value().index, 2U);
  EXPECT_EQ(ParseShard("2/3").value().count, 3U);
  for (const char* bad : {"", "3", "3/3", "-1/3", "1/", "a/b", "1/3x", "auto"}) {
    EXPECT_FALSE(ParseShard(bad).ok()) << bad;
  }
  setenv("SLURM_PROCID", "4", 1);
  setenv("SLURM_NTASKS", "6", 1);
  EXPECT_EQ(ParseShard("auto").value().index, 4U);
  setenv("OMPI_COMM_WORLD_RANK", "1", 1);
  setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  EXPECT_EQ(ParseShard("auto").value().count, 2U);
  setenv("RANK", "5", 1);
  setenv("WORLD_SIZE", "5", 1);
  EXPECT_EQ(ParseShard("auto").error().message,
            "shard: got RANK=5 and WORLD_SIZE=5, expected I/N with I from 0 to N - 1, or auto");
  for (const char* name :
       {"RANK", "WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS"}) {
    unsetenv(name);
  }
}

TEST(Duration, IsReadFromText) {
  EXPECT_EQ(ParseDuration("30m").value(), 1800);
  EXPECT_EQ(ParseDuration("1h30m").value(), 5400);
  EXPECT_EQ(ParseDuration("90").value(), 90);
  EXPECT_EQ(ParseDuration("2m5s").value(), 125);
  for (const char* bad : {"", "m", "30d", "-5s", "0s", "1.5h"}) EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
}

TEST(Watchdog, SharesWhatIsLeft) {
  Watchdog none(0);
  EXPECT_EQ(none.Next(96, 100).steps, 96U);
  EXPECT_FALSE(none.Expired(none.Next(96, 100)));

  Watchdog plenty(1e6);
  EXPECT_EQ(plenty.Next(96, 100).steps, 96U);
  plenty.Learn(96, 10, 1);
  EXPECT_EQ(plenty.Next(96, 99).steps, 96U);

  // 10 groups left, about 95 s, 1 s each for all else: 8.5 s of search or 85 steps.
  Watchdog tight(100);
  EXPECT_EQ(tight.Next(960, 11).steps, 960U);
  tight.Learn(100, 10, 1);
  const Watchdog::Share share = tight.Next(960, 10);
  EXPECT_GE(share.steps, 84U);
  EXPECT_LE(share.steps, 85U);
  EXPECT_FALSE(tight.Expired(share));

  Watchdog over(1e-9);
  EXPECT_EQ(over.Next(96, 2).steps, 0U);
  EXPECT_TRUE(over.Expired(over.Next(96, 2)));
}

TEST(AtOnce, EveryItemOnceAndTheFirstErrorEndsIt) {
  for (const int at_once : {1, 3, 8}) {
    std::mutex mutex;
    std::vector<int> calls(20, 0);
    std::vector<std::thread::id> threads(static_cast<size_t>(at_once));
    const Status all = RunAtOnce(calls.size(), at_once, [&](size_t worker, size_t index) {
      const std::lock_guard lock(mutex);
      ++calls[index];
      if (threads.at(worker) == std::thread::id()) threads[worker] = std::this_thread::get_id();
      EXPECT_EQ(threads[worker], std::this_thread::get_id());
      return Ok();
    });
    EXPECT_TRUE(all.ok());
    EXPECT_EQ(calls, std::vector<int>(20, 1));

    std::atomic<size_t> begun = 0;
    const Status failed = RunAtOnce(1000, at_once, [&](size_t, size_t index) -> Status {
      ++begun;
      if (index == 2) return Error{Code::kIo, "two"};
      return Ok();
    });
    EXPECT_EQ(failed.error().message, "two");
    EXPECT_GE(begun, 3U);
  }
  EXPECT_TRUE(RunAtOnce(0, 2, [](size_t, size_t) -> Status { return Error{Code::kIo, "none to do"}; }).ok());
}

TEST(AtOnce, ThreadsAreSharedOut) {
  const Device cpu, cuda{.cuda = true};
  for (const auto& [threads, at_once, each] : {std::array{1, 1, 1}, {2, 2, 1}, {4, 4, 1}, {8, 4, 2}, {15, 4, 3}}) {
    EXPECT_EQ(ShareThreads(cpu, threads).at_once, at_once) << threads;
    EXPECT_EQ(ShareThreads(cpu, threads).each, each) << threads;
  }
  EXPECT_EQ(ShareThreads(cuda, 8).at_once, 1);
}

}  // namespace
}  // namespace kitsink
