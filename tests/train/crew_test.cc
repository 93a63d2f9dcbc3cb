// Tests crews of processes, with a thread in place of each process.

#include "kitsink/crew.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "kitsink/file.h"
#include "kitsink/train.h"
#include "testlib.h"
#include "train/train.h"

namespace kitsink {
namespace {

using torch::Tensor;

class Stoppable final : public Progress {
 public:
  void Begin(std::string_view, uint64_t, std::string_view) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  bool stop_requested() const override { return stop; }
  std::atomic<bool> stop = false;
};

// Runs work(crew) as each of so many processes, and returns what they end with. A process's crew goes when it ends.
class Processes {
 public:
  explicit Processes(uint64_t count) : count_(count), alive_(count) {
    for (std::atomic<bool>& alive : alive_) alive = true;
  }
  std::vector<Status> Run(const std::function<Status(Crew& crew)>& work) {
    std::vector<Status> ends(count_);
    std::vector<std::jthread> threads;
    for (uint64_t i = 0; i < count_; ++i) {
      threads.emplace_back([&, i] {
        ends[i] = RunOne(i, work);
        alive_[i] = false;
      });
    }
    threads.clear();
    return ends;
  }
  std::filesystem::path meeting_point() const { return folder_ / "meeting-point"; }
  double patience = 60;
  Stoppable progress;

 private:
  Status RunOne(uint64_t index, const std::function<Status(Crew& crew)>& work) {
    const CrewPlace place{meeting_point(), [this](uint64_t i) { return alive_[i].load(); }, patience};
    KIT_ASSIGN(const std::unique_ptr<Crew> crew, MeetCrew({index, count_}, place, progress));
    return work(*crew);
  }

  uint64_t count_;
  std::vector<std::atomic<bool>> alive_;
  testing::TemporaryFolder folder_;
};

TEST(Crew, OneProcessWaitsForNobody) {
  Crew crew;
  EXPECT_TRUE(crew.leads() && crew.alone());
  EXPECT_EQ(crew.Gather(Bytes{1, 2}).value(), (std::vector<Bytes>{{1, 2}}));
  EXPECT_EQ(crew.FromLeader([]() -> Result<Bytes> { return Bytes{3}; }).value(), Bytes{3});
  EXPECT_TRUE(crew.LeaderSays(true).value());
  EXPECT_FALSE(crew.LeaderSays(false).value());
  EXPECT_TRUE(crew.Finish().ok());
}

TEST(Crew, GathersInTheOrderOfTheProcesses) {
  Processes processes(3);
  const auto ends = processes.Run([](Crew& crew) -> Status {
    for (uint8_t round = 0; round < 50; ++round) {
      const auto index = static_cast<uint8_t>(crew.shard().index);
      KIT_ASSIGN(const std::vector<Bytes> all, crew.Gather(Bytes(index, round)));  // of different lengths, one empty
      EXPECT_EQ(all, (std::vector<Bytes>{{}, {round}, {round, round}}));
      KIT_ASSIGN(const bool said, crew.LeaderSays(index == 0 ? round % 2 == 0 : round % 2 != 0));
      EXPECT_EQ(said, round % 2 == 0);
    }
    const Bytes large(1 << 20, static_cast<uint8_t>(7));
    KIT_ASSIGN(const Bytes got, crew.FromLeader([&]() -> Result<Bytes> { return large; }));
    EXPECT_EQ(got, large);
    return crew.Finish();
  });
  for (const Status& end : ends) EXPECT_TRUE(end.ok()) << end.error().message;
}

TEST(Crew, TellsWhenAnotherProcessEnds) {
  for (const uint64_t ended : {0U, 1U}) {
    Processes processes(2);
    const auto ends = processes.Run([&](Crew& crew) -> Status {
      if (crew.shard().index == ended) return Error{Code::kIo, "the disk is full"};
      return crew.Wait();
    });
    EXPECT_EQ(ends[ended].error().message, "the disk is full");
    const Error& other = ends[1 - ended].error();
    EXPECT_EQ(other.code, Code::kInterrupted);
    EXPECT_EQ(other.message,
              "process " + std::to_string(ended) + " of 2 of this job has ended; the same command goes on from here");
  }
}

TEST(Crew, TellsWhoDoesNotCome) {
  testing::TemporaryFolder folder;
  for (const uint64_t index : {0U, 1U}) {
    const CrewPlace place{folder / "meeting-point", [](uint64_t) { return false; }, 0.2};
    const Error error = MeetCrew({index, 2}, place, SilentProgress()).error();
    EXPECT_EQ(error.code, Code::kIo);
    EXPECT_EQ(error.message,
              "process " + std::to_string(1 - index) + " of 2 has not come, start all of them at the same time");
    std::filesystem::remove(place.meeting_point);
  }
}

TEST(Crew, PassesOverAnOldMeetingPoint) {
  Processes processes(2);
  // Nobody listens there, until process 0 writes its own.
  const std::string old = "localhost 1\n";
  ASSERT_TRUE(WriteFile(processes.meeting_point(), std::span(reinterpret_cast<const uint8_t*>(old.data()), old.size()),
                        Overwrite::kAllow)
                  .ok());
  for (const Status& end : processes.Run([](Crew& crew) { return crew.Finish(); })) EXPECT_TRUE(end.ok());
}

TEST(Crew, CanBeStopped) {
  Processes processes(2);
  const auto ends = processes.Run([&](Crew& crew) -> Status {
    if (crew.leads()) return crew.Wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    processes.progress.stop = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return Ok();
  });
  EXPECT_EQ(ends[0].error().code, Code::kInterrupted);
}

// A line that learns another one from eight samples a step, a part of them in each micro-batch.
struct Line {
  Tensor slope = torch::tensor({0.5F, -1.0F}).requires_grad_(true);
  Tensor unused = torch::zeros({3}).requires_grad_(true);
  Tensor sum = torch::zeros({}, torch::kDouble);  // of the notes
  int64_t calls = 0;

  Result<TrainResult> Train(int64_t micro_batches, const Checkpoint& checkpoint, Progress& progress) {
    TrainOptions options;
    options.steps = 20;
    options.micro_batches = micro_batches;
    options.schedule.peak = 0.1;
    options.clip_norm = 0.3;
    options.ema_decay = 0.9;
    TrainHooks hooks;
    double note = 0;
    hooks.loss = [&](int64_t step, int64_t micro) {
      ++calls;
      note = static_cast<double>(10 * step + micro);
      torch::manual_seed(static_cast<uint64_t>(step));
      const Tensor x = Samples(step).chunk(micro_batches)[static_cast<size_t>(micro)];
      return ((x * slope).sum(1) - (x * torch::tensor({2.0F, 3.0F})).sum(1)).square().mean() *
             (1 + 1e-3 * sum.item<double>());
    };
    hooks.notes = [&] { return std::vector<double>{note}; };
    hooks.learn = [&](int64_t, const std::vector<double>& notes) {
      for (const double value : notes) sum.mul_(0.9).add_(value);
    };
    return kitsink::Train({{{{slope, unused}}}, {sum}}, options, hooks, checkpoint, progress);
  }
  static Tensor Samples(int64_t step) {
    std::vector<float> values;
    for (int64_t i = 0; i < 16; ++i) values.push_back(static_cast<float>((7 * step + 5 * i) % 13) / 6 - 1);
    return torch::tensor(values).view({8, 2});
  }
};

TEST(Crew, TrainsAsOneProcess) {
  for (const int64_t micro_batches : {1, 4}) {
    Line alone;
    const TrainResult expected = alone.Train(micro_batches, {}, SilentProgress()).TakeValue();
    std::atomic<int64_t> calls = 0;
    Processes processes(3);
    const auto ends = processes.Run([&](Crew& crew) -> Status {
      Line line;
      Checkpoint checkpoint;
      checkpoint.crew = &crew;
      KIT_ASSIGN(const TrainResult trained, line.Train(micro_batches, checkpoint, SilentProgress()));
      calls += line.calls;
      for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(trained.best[i].equal(expected.best[i])) << trained.best[i];
      if (micro_batches > 1) {
        EXPECT_TRUE(line.sum.equal(alone.sum));
      }
      return crew.Finish();
    });
    for (const Status& end : ends) EXPECT_TRUE(end.ok()) << end.error().message;
    EXPECT_EQ(calls, alone.calls);  // nothing was done twice
  }
}

}  // namespace
}  // namespace kitsink
