// Helpers of jobs: running a program, raw frames, parallel work.

#include <array>
#include <atomic>
#include <mutex>
#include <thread>

#include "codecs/search/search_threads.h"
#include "jobs/child.h"
#include "kitsink/at_once.h"
#include "kitsink/run.h"
#include "kitsink/video.h"
#include "testlib.h"

namespace kitsink {
namespace {

using search::ShareThreads;
using testing::TemporaryFolder;

TEST(RunChild, SaysHowItEnded) {
  const Result<ChildOutcome> failed = RunChild({"bash", "-c", "exit 5"}, {}, 60, SilentProgress());
  ASSERT_TRUE(failed.ok());
  EXPECT_EQ(failed.value().exit_code, 5);
  EXPECT_FALSE(failed.value().timed_out);
  const Result<ChildOutcome> killed = RunChild({"bash", "-c", "kill -9 $$"}, {}, 60, SilentProgress());
  ASSERT_TRUE(killed.ok());
  EXPECT_EQ(killed.value().exit_code, 128 + 9);
  EXPECT_FALSE(RunChild({"kitsink-no-such-program"}, {}, 60, SilentProgress()).ok());
}

TEST(RunChild, GivesTheSettingsThatTheEnvironmentLacks) {
  setenv("KITSINK_TEST_SET", "mine", /*overwrite=*/1);
  const std::vector<Setting> settings = {{"KITSINK_TEST_SET", "yours"}, {"KITSINK_TEST_UNSET", "a b"}};
  const char* const script = "[[ $KITSINK_TEST_SET:$KITSINK_TEST_UNSET == 'mine:a b' ]]";
  const Result<ChildOutcome> outcome = RunChild({"bash", "-c", script}, settings, 60, SilentProgress());
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome.value().exit_code, 0);
}

TEST(RunChild, StopsAtTheLimitAndOnRequest) {
  const Stopwatch watch;
  const Result<ChildOutcome> slow = RunChild({"sleep", "600"}, {}, 0.1, SilentProgress());
  ASSERT_TRUE(slow.ok());
  EXPECT_TRUE(slow.value().timed_out);
  class Stopped final : public Progress {
    void Begin(std::string_view, uint64_t, std::string_view) override {}
    void Update(uint64_t, std::string_view) override {}
    void End() override {}
    bool stop_requested() const override { return true; }
  } stopped;
  const Result<ChildOutcome> interrupted = RunChild({"sleep", "600"}, {}, 600, stopped);
  ASSERT_FALSE(interrupted.ok());
  EXPECT_EQ(interrupted.error().message, "interrupted");
  EXPECT_LT(watch.seconds(), 60);
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
