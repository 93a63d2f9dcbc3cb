// Long jobs: resume folders, outputs, shards, time limits.

#include "kitsink/run.h"

#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "testlib.h"

namespace kitsink {
namespace {

using testing::TemporaryFolder;

constexpr const char* kWhole = "0-of-1";  // the role of a job's only process

TEST(ResumeFolder, KeepsEntriesOfTheSamePlanOnly) {
  const TemporaryFolder folder;
  const JobOutputs outputs{folder / "a.raw", folder / "a.json"};
  const Json plan = {{"archive", "abc"}, {"options", {{"steps", 80}}}};
  {
    const ResumeFolder first = ResumeFolder::Open(outputs, plan, kWhole, Overwrite::kRefuse).TakeValue();
    EXPECT_FALSE(first.resumed());
    ASSERT_TRUE(first.Save("x", std::string_view("ready")).ok());
  }
  {
    const ResumeFolder again = ResumeFolder::Open(outputs, plan, kWhole, Overwrite::kAllow).TakeValue();
    EXPECT_TRUE(again.resumed());
    EXPECT_EQ(again.Load("x").value(), (Bytes{'r', 'e', 'a', 'd', 'y'}));
  }
  const Json other = {{"archive", "abc"}, {"options", {{"steps", 40}}}};
  const auto refused = ResumeFolder::Open(outputs, other, kWhole, Overwrite::kRefuse);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("holds unfinished work of another job (options.steps 80, now 40)"),
            std::string::npos)
      << refused.error().message;
  EXPECT_TRUE(std::filesystem::exists(folder / "a.raw.resume" / "x"));
  const ResumeFolder emptied = ResumeFolder::Open(outputs, other, kWhole, Overwrite::kAllow).TakeValue();
  EXPECT_FALSE(emptied.resumed());
  EXPECT_FALSE(emptied.Has("x"));
}

// Two opens of one process are to the lock as two processes.
TEST(ResumeFolder, NeverTouchesTheWorkOfALiveProcess) {
  const TemporaryFolder folder;
  const JobOutputs outputs{folder / "a.raw", folder / "a.json"};
  const Json plan = {{"options", {{"steps", 80}, {"threads", 4}}}};
  {
    const ResumeFolder live = ResumeFolder::Open(outputs, plan, "1-of-3", Overwrite::kRefuse).TakeValue();
    ASSERT_TRUE(live.Save("x", std::string_view("ready")).ok());
    const std::string process = "process " + std::to_string(getpid());
    for (const Overwrite overwrite : {Overwrite::kRefuse, Overwrite::kAllow}) {
      const auto same = ResumeFolder::Open(outputs, plan, "1-of-3", overwrite);
      ASSERT_FALSE(same.ok());
      EXPECT_NE(same.error().message.find("a job is running there (" + process + ")"), std::string::npos)
          << same.error().message;
    }
    EXPECT_TRUE(ResumeFolder::Open(outputs, plan, "2-of-3", Overwrite::kRefuse).ok());  // another part of the same job
    for (const char* const role : {kWhole, "0-of-2"}) {
      const auto counted = ResumeFolder::Open(outputs, plan, role, Overwrite::kRefuse);
      ASSERT_FALSE(counted.ok());
      EXPECT_NE(counted.error().message.find("of another number of processes is running there (" + process + ")"),
                std::string::npos)
          << counted.error().message;
    }
    const Json other = {{"options", {{"steps", 40}, {"threads", 4}}}};
    const auto forced = ResumeFolder::Open(outputs, other, kWhole, Overwrite::kAllow);
    ASSERT_FALSE(forced.ok());
    EXPECT_NE(forced.error().message.find(process), std::string::npos) << forced.error().message;
    EXPECT_TRUE(live.Has("x"));
  }
  const Json fewer = {{"options", {{"steps", 80}, {"threads", 2}}}};
  const auto refused = ResumeFolder::Open(outputs, fewer, kWhole, Overwrite::kRefuse);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("(options.threads 4, now 2), use -j 4 to go on, or --force to start over"),
            std::string::npos)
      << refused.error().message;
  EXPECT_FALSE(ResumeFolder::Open(outputs, fewer, kWhole, Overwrite::kAllow).value().Has("x"));
  const Json longer = {{"options", {{"steps", 90}, {"threads", 2}}}};
  const auto other_steps = ResumeFolder::Open(outputs, longer, kWhole, Overwrite::kRefuse);
  ASSERT_FALSE(other_steps.ok());
  EXPECT_EQ(other_steps.error().message.find("use -j"), std::string::npos) << other_steps.error().message;
}

TEST(ResumeFolder, NoticesDamage) {
  const TemporaryFolder folder;
  const JobOutputs outputs{folder / "a.raw", folder / "a.json"};
  const ResumeFolder resume = ResumeFolder::Open(outputs, Json::object(), kWhole, Overwrite::kRefuse).TakeValue();
  ASSERT_TRUE(resume.Save("x", std::string_view("ready")).ok());
  const Bytes whole = ReadFile(resume.PathOf("x"), 100).value();
  for (size_t i = 0; i <= whole.size(); ++i) {
    Bytes damaged = whole;
    if (i < whole.size()) damaged[i] ^= 4;
    if (i == whole.size()) damaged.resize(3);
    ASSERT_TRUE(WriteFile(resume.PathOf("x"), damaged, Overwrite::kAllow).ok());
    const Result<Bytes> loaded = resume.Load("x");
    ASSERT_FALSE(loaded.ok()) << i;
    EXPECT_NE(loaded.error().message.find("a.raw.resume/x: is damaged"), std::string::npos) << loaded.error().message;
  }
}

// What lies in the folder's place is no leave to overwrite, and is not removed.
TEST(ResumeFolder, LeavesAFolderOfOthersAlone) {
  const TemporaryFolder folder;
  const JobOutputs outputs{folder / "a.raw", folder / "a.json"};
  ASSERT_TRUE(WriteFile(outputs.file, Bytes{'a'}, Overwrite::kRefuse).ok());
  std::filesystem::create_directory(folder / "a.raw.resume");
  EXPECT_FALSE(CheckOutputs(outputs, Overwrite::kRefuse, {}).ok());
  ASSERT_TRUE(WriteFile(folder / "a.raw.resume" / "mine", Bytes{'m'}, Overwrite::kRefuse).ok());
  const auto refused = ResumeFolder::Open(outputs, Json::object(), kWhole, Overwrite::kAllow);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("is in the way"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(std::filesystem::exists(folder / "a.raw.resume" / "mine"));
}

TEST(ResumeFolder, PublishesBothOutputsAndGoes) {
  const TemporaryFolder folder;
  const JobOutputs outputs{folder / "a.raw", folder / "a.json"};
  const ResumeFolder resume = ResumeFolder::Open(outputs, Json::object(), kWhole, Overwrite::kRefuse).TakeValue();
  ASSERT_TRUE(WriteFile(resume.PathOf("frames"), Bytes{'f'}, Overwrite::kRefuse).ok());
  EXPECT_TRUE(resume.exists());
  ASSERT_TRUE(resume.Publish("frames", "m").ok());
  EXPECT_FALSE(resume.exists());
  EXPECT_EQ(ReadFile(outputs.file, 10).value(), Bytes{'f'});
  EXPECT_EQ(ReadFile(outputs.manifest, 10).value(), Bytes{'m'});
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
}

// A kill after the file was renamed: the next process finds the folder without the entry.
TEST(ResumeFolder, PublishingGoesOnAfterAKill) {
  const TemporaryFolder folder;
  const JobOutputs outputs{folder / "a.raw", folder / "a.json"};
  const ResumeFolder resume = ResumeFolder::Open(outputs, Json::object(), kWhole, Overwrite::kRefuse).TakeValue();
  ASSERT_TRUE(WriteFile(outputs.file, Bytes{'f'}, Overwrite::kRefuse).ok());
  ASSERT_TRUE(resume.Publish("frames", "m").ok());
  EXPECT_EQ(ReadFile(outputs.file, 10).value(), Bytes{'f'});
  EXPECT_FALSE(resume.exists());
}

TEST(JobOutputs, ArePermittedOnceForAll) {
  const TemporaryFolder folder;
  const JobOutputs outputs{folder / "a.raw", folder / "a.json"};
  EXPECT_TRUE(CheckOutputs(outputs, Overwrite::kRefuse, {}).ok());
  ASSERT_TRUE(WriteFile(outputs.manifest, Bytes{'m'}, Overwrite::kRefuse).ok());
  EXPECT_NE(CheckOutputs(outputs, Overwrite::kRefuse, {}).error().message.find("--force"), std::string::npos);
  EXPECT_TRUE(CheckOutputs(outputs, Overwrite::kAllow, {}).ok());
  // The unfinished job may continue.
  const ResumeFolder resume = ResumeFolder::Open(outputs, Json::object(), kWhole, Overwrite::kRefuse).TakeValue();
  EXPECT_TRUE(CheckOutputs(outputs, Overwrite::kRefuse, {}).ok());
}

TEST(JobOutputs, AreNeverInputs) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFile(folder / "v.mkv", Bytes{'v'}, Overwrite::kRefuse).ok());
  std::filesystem::create_symlink(folder / "v.mkv", folder / "link.zip");
  std::filesystem::create_hard_link(folder / "v.mkv", folder / "hard.zip");
  const std::filesystem::path inputs[] = {"", folder / "none", folder / "v.mkv"};
  for (const char* name : {"v.mkv", "./v.mkv", "link.zip", "hard.zip"}) {
    for (const JobOutputs& outputs :
         {JobOutputs{folder / name, folder / "x.json"}, {folder / "x.zip", folder / name}}) {
      const Status status = CheckOutputs(outputs, Overwrite::kAllow, inputs);
      ASSERT_FALSE(status.ok()) << name;
      EXPECT_NE(status.error().message.find("is an input of this job"), std::string::npos) << status.error().message;
    }
  }
  EXPECT_TRUE(CheckOutputs({folder / "x.zip", folder / "x.json"}, Overwrite::kAllow, inputs).ok());
}

TEST(ResumeFolder, SaysWhenItCannotBeMade) {
  const TemporaryFolder folder;
  const auto result =
      ResumeFolder::Open({folder / "none" / "a.raw", folder / "a.json"}, Json::object(), kWhole, Overwrite::kRefuse);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kIo);
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
            "expected I/N with I from 0 to N - 1, or auto, got RANK=5 and WORLD_SIZE=5");
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

TEST(Watchdog, NeverCutsWorkWithoutSteps) {
  Watchdog over(1e-9);
  over.Learn(0, 10, 1);
  const Watchdog::Share share = over.Next(0, 100);
  EXPECT_EQ(share.steps, 0U);
  EXPECT_FALSE(over.Expired(share));
}

}  // namespace
}  // namespace kitsink
