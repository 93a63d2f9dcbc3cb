// Tests the training of the stand-in nets: it resumes to the same weights, and its labels fit its pictures.

#include <memory>

#include "kitsink/file.h"
#include "kitsink/nets.h"
#include "kitsink/tensors.h"
#include "testlib.h"
#include "train_standin/batches.h"
#include "train_standin/jobs.h"

namespace kitsink::standin {
namespace {

constexpr Seeds kSeeds{1, 2};

// Asks to stop as soon as the training has done `steps`.
class StopAfter final : public Progress {
 public:
  explicit StopAfter(uint64_t steps) : steps_(steps) {}
  void Begin(std::string_view stage, uint64_t, std::string_view) override { training_ = stage == "train"; }
  void Update(uint64_t done, std::string_view) override { done_ = done; }
  void End() override {}
  bool stop_requested() const override { return training_ && done_ >= steps_; }

 private:
  uint64_t steps_, done_ = 0;
  bool training_ = false;
};

// One folder of scenes for all tests: drawing them costs seconds.
class Training : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing::TemporaryFolder>();
    ASSERT_TRUE(RenderScenes(Folder(), kSeeds, 2, SilentProgress()).ok());
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static std::filesystem::path Folder() { return *folder_ / "scenes"; }

 private:
  static inline std::unique_ptr<testing::TemporaryFolder> folder_;
};

TEST_F(Training, ResumesToTheSameWeights) {
  ConfigureTorch(1);
  const testing::TemporaryFolder folder;
  TrainJob job;
  job.steps = 3;
  job.crop_steps = 1;
  job.batch = 2;
  job.head_batches = 2;
  job.device = "cpu";
  job.output = folder / "whole";
  ASSERT_TRUE(RunTraining(NetKind::kPoseNet, Folder(), kSeeds, job, SilentProgress()).ok());
  job.output = folder / "parts";
  StopAfter stop(2);
  const Status interrupted = RunTraining(NetKind::kPoseNet, Folder(), kSeeds, job, stop);
  ASSERT_FALSE(interrupted.ok());
  EXPECT_EQ(interrupted.error().message, "interrupted; the same command goes on from here");
  EXPECT_FALSE(std::filesystem::exists(job.output));
  ASSERT_TRUE(RunTraining(NetKind::kPoseNet, Folder(), kSeeds, job, SilentProgress()).ok());

  const auto whole = ReadFile(folder / "whole", 1 << 24), parts = ReadFile(folder / "parts", 1 << 24);
  ASSERT_TRUE(whole.ok() && parts.ok());
  EXPECT_TRUE(whole.value() == parts.value());
  EXPECT_TRUE(LoadTensorFile(folder / "whole").ok());
}

// Each cell of the first picture, fetched from the second where the flow says it went, looks more as it did than where
// the opposite flow leads. Above the hood only, for the ground next to it goes out of sight.
TEST_F(Training, FlowFitsThePictures) {
  auto scenes = LoadScenes(Folder(), kSeeds);
  ASSERT_TRUE(scenes.ok());
  torch::manual_seed(5);
  const PoseBatch batch = DrawPoseBatch(scenes.value(), MeasurePoses(scenes.value()), 3, 12, true);
  const int64_t step = kTrackStep, height = kModelGrid.height, width = kModelGrid.width;
  const auto middles = [step](int64_t size) { return (torch::arange(size / step) + 0.5) * step; };
  const torch::Tensor x0 = middles(width).view({1, -1}), y0 = middles(height).view({-1, 1});
  const torch::Tensor seen = batch.known.squeeze(1) & (y0 < 0.65 * height);
  const auto fetch = [&](const torch::Tensor& picture, double share) {
    const torch::Tensor x = x0 + share * batch.flow.select(1, 0), y = y0 + share * batch.flow.select(1, 1);
    const torch::Tensor grid = torch::stack({x * (2.0 / width) - 1, y * (2.0 / height) - 1}, 3);
    return torch::grid_sampler(picture.mean(1, true), grid, 0, 1, false).squeeze(1);
  };
  const auto difference = [&](double share) {
    return (fetch(batch.f1, share) - fetch(batch.f0, 0)).abs().masked_select(seen).mean().item<double>();
  };
  const double followed = difference(1), opposite = difference(-1);
  EXPECT_LT(followed, 0.75 * opposite) << followed << " " << opposite;
}

// A quarter's flow is a whole picture's.
TEST_F(Training, QuartersAreParts) {
  auto scenes = LoadScenes(Folder(), kSeeds);
  ASSERT_TRUE(scenes.ok());
  torch::manual_seed(6);
  const PoseBatch batch = DrawPoseBatch(scenes.value(), MeasurePoses(scenes.value()), 3, 2, false);
  EXPECT_EQ(batch.f0.sizes(), (std::vector<int64_t>{2, 3, kModelGrid.height / 2, kModelGrid.width / 2}));
  EXPECT_EQ(batch.f1.sizes(), batch.f0.sizes());
  EXPECT_EQ(batch.flow.size(2) * int64_t{kTrackStep}, batch.f0.size(2));
  EXPECT_TRUE(batch.flow.isfinite().all().item<bool>());
}

}  // namespace
}  // namespace kitsink::standin
