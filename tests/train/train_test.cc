// Tests the training loop: its arithmetic, its checkpoints and its errors.

#include "train/train.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "kitsink/file.h"
#include "nets/nets_torch.h"
#include "testlib.h"
#include "train/muon.h"
#include "train/pose_error.h"
#include "train/recompute.h"
#include "train/straight_through.h"

namespace kitsink {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

// Asks to stop after so many steps.
class StopAfter final : public Progress {
 public:
  explicit StopAfter(uint64_t steps) : steps_(steps) {}
  void Begin(std::string_view, uint64_t, std::string_view) override {}
  void Update(uint64_t done, std::string_view note) override {
    done_ = done;
    note_ = note;
  }
  void End() override {}
  bool stop_requested() const override { return done_ >= steps_; }
  uint64_t done() const { return done_; }
  const std::string& note() const { return note_; }

 private:
  uint64_t steps_, done_ = 0;
  std::string note_;
};

Tensor Values(std::vector<int64_t> shape, uint64_t seed) {
  testing::Random random(seed);
  std::vector<float> values(static_cast<size_t>(torch::empty(shape).numel()));
  for (float& value : values) value = static_cast<float>(random.Below(2001)) * 1e-3F - 1;
  return torch::tensor(values).view(shape);
}

// A block of two layers whose result depends on each of its inputs, and its gradients.
Tensors BlockAndGradients(bool again, int& calls) {
  Tensors inputs = {Values({2, 5}, 1), Values({3, 5}, 2), Values({3}, 3)};
  for (Tensor& input : inputs) input.requires_grad_(true);
  const BlockFunction run = [&calls](const Tensors& in) {
    ++calls;
    return torch::silu(torch::linear(torch::tanh(in[0]), in[1], in[2]));
  };
  // The first input is used outside the block, too.
  const Tensor y = (again ? Recomputed(run, inputs) : run(inputs)) * inputs[0].sum();
  y.square().sum().backward();
  Tensors found = {y.detach()};
  for (const Tensor& input : inputs) found.push_back(input.grad());
  return found;
}

TEST(Recompute, GivesTheGradientsThatItDoesNotKeep) {
  int kept_calls = 0, calls = 0;
  const Tensors kept = BlockAndGradients(false, kept_calls), found = BlockAndGradients(true, calls);
  EXPECT_EQ(kept_calls, 1);
  EXPECT_EQ(calls, 2);
  ASSERT_EQ(found.size(), 4U);
  for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(torch::allclose(found[i], kept[i], 1e-6, 1e-7)) << i;
}

TEST(Recompute, RunsOnceWhereNothingIsDifferentiated) {
  int calls = 0;
  const BlockFunction run = [&calls](const Tensors& in) {
    ++calls;
    return in[0] * 2;
  };
  const torch::NoGradGuard no_gradients;
  EXPECT_FALSE(Recomputed(run, {Values({2}, 1)}).requires_grad());
  EXPECT_EQ(calls, 1);
}

// A linear layer that learns another one from four new samples in each step.
struct Regression {
  Tensor weight = Values({3, 5}, 1).requires_grad_(true);
  Tensor bias = Values({3}, 2).requires_grad_(true);
  Tensor calls = torch::zeros({}, torch::kInt64);  // a buffer
  TrainOptions options;
  TrainHooks hooks;

  Regression() {
    options.steps = 30;
    options.schedule.peak = 0.05;
    options.clip_norm = 0.5;
    options.ema_decay = 0.9;
    options.evaluate_every = 7;
    hooks.loss = [this](int64_t step, int64_t micro_batch) {
      calls.add_(1);
      const int64_t size = 4 / options.micro_batches;
      const Tensor x = Values({4, 5}, 100 + static_cast<uint64_t>(step)).narrow(0, micro_batch * size, size);
      return (Predict(x, {weight, bias}) - Predict(x, Truth())).square().mean();
    };
    hooks.evaluate = [](const Tensors& values) -> Result<double> {
      const Tensor x = Values({16, 5}, 99);
      return (Predict(x, values) - Predict(x, Truth())).square().mean().item<double>();
    };
  }
  static Tensors Truth() { return {Values({3, 5}, 3), Values({3}, 4)}; }
  static Tensor Predict(const Tensor& x, const Tensors& values) { return torch::linear(x, values[0], values[1]); }

  Result<TrainResult> Run(const Checkpoint& checkpoint = {}, Progress& progress = SilentProgress()) {
    return Train({{{{weight}, 0.01, /*matrices=*/true}, {{bias}, 0}}, {calls}}, options, hooks, checkpoint, progress);
  }
};

// Keeps the last state in `bytes`.
Checkpoint Into(Bytes& bytes, double seconds = 1000) {
  return {.saved = bytes,
          .save =
              [&bytes](std::span<const uint8_t> state) {
                bytes.assign(state.begin(), state.end());
                return Ok();
              },
          .seconds = seconds};
}

TEST(Schedule, RisesAndFalls) {
  const Schedule plain{.peak = 2, .warm_up = 0.1};
  EXPECT_DOUBLE_EQ(RateAt(plain, 0, 100), 2 * 0.1);
  EXPECT_DOUBLE_EQ(RateAt(plain, 4, 100), 2 * 0.5 * 0.5 * (1 + std::cos(0.04 * std::numbers::pi)));
  EXPECT_DOUBLE_EQ(RateAt(plain, 50, 100), 1);
  EXPECT_DOUBLE_EQ(RateAt({.peak = 2, .warm_up = 0, .floor = 0.5}, 50, 100), 1.5);
  EXPECT_DOUBLE_EQ(RateAt({.peak = 2, .warm_up = 0}, 0, 1), 2);
}

// The generator's fit: it rises for at least one step, under the cosine.
TEST(Schedule, CoversTheFit) {
  for (const int64_t steps : {1, 10, 150, 1000}) {
    for (int64_t step = 0; step < steps; ++step) {
      const double warm_up = std::max(1.0, 0.05 * static_cast<double>(steps));
      const double done = static_cast<double>(step) / static_cast<double>(steps);
      const double wanted =
          4e-3 * std::min(1.0, static_cast<double>(step + 1) / warm_up) * 0.5 * (1 + std::cos(M_PI * done));
      ASSERT_DOUBLE_EQ(RateAt({.peak = 4e-3}, step, steps), wanted) << step << " of " << steps;
    }
  }
}

// The stand-ins' training: it starts at 0.02, falls to 0.01, and the cosine follows the rise.
TEST(Schedule, CoversTheStandIns) {
  const Schedule schedule{.peak = 3e-3, .first = 0.02, .floor = 0.01, .fall = Schedule::Fall::kAfterRise};
  for (const int64_t steps : {3, 20, 999, 4000}) {
    for (int64_t step = 0; step < steps; ++step) {
      const double done = static_cast<double>(step) / static_cast<double>(steps);
      const double angle = std::numbers::pi * (done - 0.05) / 0.95;
      const double wanted = 3e-3 * (done < 0.05 ? 0.02 + done / 0.05 : 0.01 + 0.99 * 0.5 * (1 + std::cos(angle)));
      ASSERT_NEAR(RateAt(schedule, step, steps), wanted, 1e-15) << step << " of " << steps;
    }
  }
}

TEST(Train, LearnsAndKeepsTheBest) {
  Regression regression;
  regression.options.steps = 300;
  const double before = regression.hooks.evaluate({regression.weight, regression.bias}).value();
  double lowest = std::numeric_limits<double>::infinity();
  int evaluations = 0;
  const auto evaluate = regression.hooks.evaluate;
  regression.options.evaluate_every = 50;
  regression.options.evaluate_from = 180;
  regression.hooks.evaluate = [&](const Tensors& values) -> Result<double> {
    const double score = evaluate(values).value();
    lowest = std::min(lowest, score);
    ++evaluations;
    return evaluations == 1 ? std::nan("") : score;
  };
  const TrainResult result = regression.Run().TakeValue();
  EXPECT_LT(result.best_score, 0.01 * before);
  EXPECT_EQ(result.best_score, lowest);
  EXPECT_EQ(result.best_score, evaluate(result.best).value());
  EXPECT_EQ(evaluations, 4);  // after 200, 250 and 300 steps, and the parameters themselves after 300
}

TEST(Train, NoStepsGiveTheStart) {
  Regression regression;
  regression.options.steps = 0;
  const TrainResult result = regression.Run().TakeValue();
  EXPECT_TRUE(torch::equal(result.best[0], Values({3, 5}, 1)));
  EXPECT_TRUE(torch::equal(result.best[1], Values({3}, 2)));
}

TEST(Train, GoesOnWhereItStopped) {
  Regression whole;
  const TrainResult wanted = whole.Run().TakeValue();
  for (const uint64_t stopped_after : {1, 8, 17, 30}) {
    Bytes bytes;
    Regression first;
    StopAfter stop(stopped_after);
    const Result<TrainResult> interrupted = first.Run(Into(bytes), stop);
    ASSERT_FALSE(interrupted.ok());
    EXPECT_EQ(interrupted.error().message, "interrupted; the same command goes on from here");
    EXPECT_EQ(stop.done(), stopped_after);
    ASSERT_FALSE(bytes.empty());
    Regression second;
    const TrainResult got = second.Run(Into(bytes)).TakeValue();
    EXPECT_TRUE(torch::equal(second.weight, whole.weight) && torch::equal(second.bias, whole.bias));
    EXPECT_TRUE(torch::equal(got.best[0], wanted.best[0]) && torch::equal(got.best[1], wanted.best[1]));
    EXPECT_EQ(got.best_score, wanted.best_score);
    EXPECT_EQ(second.calls.item<int64_t>(), 30);
  }
}

TEST(Train, MuonLearnsAndGoesOnWhereItStopped) {
  Regression whole, adam;
  whole.options.optimiser = OptimiserKind::kMuon;
  whole.options.muon_rate = 2;
  const TrainResult wanted = whole.Run().TakeValue();
  EXPECT_LT(wanted.best_score, 0.1);
  EXPECT_FALSE(torch::equal(wanted.best[0], adam.Run().TakeValue().best[0]));
  Bytes bytes;
  Regression first, second;
  first.options = second.options = whole.options;
  StopAfter stop(11);
  ASSERT_FALSE(first.Run(Into(bytes), stop).ok());
  EXPECT_TRUE(torch::equal(second.Run(Into(bytes)).TakeValue().best[0], wanted.best[0]));
}

TEST(Muon, OrthogonalisesMatricesOfAnyShape) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{6, 6}, {4, 9}, {9, 4}, {5, 3, 1, 1}}) {
    const Tensor matrix = Values(shape, 5);
    const Tensor result = Orthogonalised(matrix);
    ASSERT_EQ(result.sizes(), matrix.sizes());
    const Tensor values = torch::linalg_svdvals(result.reshape({shape[0], -1}));
    EXPECT_GT(values.min().item<float>(), 0.3F);
    EXPECT_LT(values.max().item<float>(), 1.3F);
    EXPECT_GT((result * matrix).sum().item<float>(), 0);
  }
  EXPECT_EQ(Orthogonalised(torch::zeros({3, 3})).abs().max().item<float>(), 0);
}

// A parameter that gets no gradient in some steps is passed over in them, before a resume and after it.
TEST(Train, ResumesParametersWithoutGradients) {
  const auto run = [](uint64_t stopped_after) {
    const Tensor always = Values({4}, 1).requires_grad_(true), seldom = Values({4}, 2).requires_grad_(true);
    TrainOptions options;
    options.steps = 9;
    TrainHooks hooks;
    hooks.loss = [&](int64_t step, int64_t) {
      return step % 3 == 1 ? (always * seldom).square().sum() : always.square().sum();
    };
    Bytes bytes;
    for (const uint64_t steps : {stopped_after, uint64_t{1000}}) {
      StopAfter stop(steps);
      static_cast<void>(Train({{{{always, seldom}, 0.1}}, {}}, options, hooks, Into(bytes), stop).ok());
    }
    return torch::cat({always, seldom}).detach();
  };
  const Tensor whole = run(1000);
  for (const uint64_t stopped_after : {1, 2, 3, 4, 5}) EXPECT_TRUE(torch::equal(run(stopped_after), whole));
}

TEST(Train, SavingChangesNoResult) {
  Regression never, always;
  const TrainResult wanted = never.Run().TakeValue();
  Bytes bytes;
  const TrainResult got = always.Run(Into(bytes, 0)).TakeValue();
  EXPECT_TRUE(torch::equal(always.weight, never.weight));
  EXPECT_TRUE(torch::equal(got.best[0], wanted.best[0]));
}

TEST(Train, FailsWhenItsStateCannotBeSaved) {
  Regression regression;
  Checkpoint full;
  full.save = [](std::span<const uint8_t>) -> Status { return Error{Code::kIo, "disk full"}; };
  EXPECT_EQ(regression.Run(full).error().message, "disk full");
}

TEST(Train, RefusesStatesOfOtherTrainings) {
  Bytes bytes;
  ASSERT_TRUE(Regression().Run(Into(bytes)).ok());
  Regression shorter;
  shorter.options.steps = 29;
  EXPECT_EQ(shorter.Run({.saved = bytes}).error().code, Code::kCorrupt);
  Regression other;
  other.weight = Values({5, 3}, 1).requires_grad_(true);
  EXPECT_EQ(other.Run({.saved = bytes}).error().code, Code::kCorrupt);
  Regression same;
  EXPECT_EQ(same.Run({.saved = Bytes{'n', 'o'}}).error().code, Code::kCorrupt);
  bytes.resize(bytes.size() / 2);
  EXPECT_EQ(same.Run({.saved = bytes}).error().code, Code::kCorrupt);
}

TEST(Train, MicroBatchesAreTheWholeBatch) {
  Regression whole;
  StopAfter whole_note(1000);
  ASSERT_TRUE(whole.Run({}, whole_note).ok());
  for (const int64_t parts : {2, 4}) {
    Regression regression;
    regression.options.micro_batches = parts;
    StopAfter note(1000);
    ASSERT_TRUE(regression.Run({}, note).ok());
    EXPECT_EQ(regression.calls.item<int64_t>(), 30 * parts);
    EXPECT_LT((regression.weight - whole.weight).abs().max().item<double>(), 1e-5);
    EXPECT_LT((regression.bias - whole.bias).abs().max().item<double>(), 1e-5);
    EXPECT_EQ(note.note(), whole_note.note());
  }
}

TEST(Train, AveragesTheParameters) {
  Regression regression;
  regression.hooks.evaluate = nullptr;
  regression.options.ema_decay = 0.3;  // from step 3 on
  Tensors seen;
  const auto loss = regression.hooks.loss;
  regression.hooks.loss = [&](int64_t step, int64_t micro_batch) {
    seen.push_back(regression.weight.detach().clone());
    return loss(step, micro_batch);
  };
  const TrainResult result = regression.Run().TakeValue();
  seen.push_back(regression.weight.detach().clone());
  Tensor average = seen[0];
  for (size_t step = 0; step + 1 < seen.size(); ++step) {
    const double s = static_cast<double>(step), decay = std::min(0.3, (s + 1) / (s + 10));
    average = average * decay + seen[step + 1] * (1 - decay);
  }
  EXPECT_LT((result.best[0] - average).abs().max().item<double>(), 1e-6);
  EXPECT_GT((result.best[0] - seen.back()).abs().max().item<double>(), 1e-4);
  // Without an average the parameters are the result.
  regression.options.ema_decay = 0;
  EXPECT_TRUE(torch::equal(regression.Run().value().best[0], regression.weight));
}

TEST(Train, ClipsTheGradient) {
  Regression regression;
  regression.options.steps = 1;
  regression.options.clip_norm = 0;
  ASSERT_TRUE(regression.Run().ok());
  const auto norm = [&regression] {
    const Tensor all = torch::cat({regression.weight.grad().flatten(), regression.bias.grad().flatten()});
    return all.norm().item<double>();
  };
  EXPECT_GT(norm(), 0.1);
  Regression same;
  same.options.steps = 1;
  same.options.clip_norm = 0.1;
  ASSERT_TRUE(same.Run().ok());
  regression.weight = same.weight;
  regression.bias = same.bias;
  EXPECT_NEAR(norm(), 0.1, 1e-5);
}

// Without a gradient AdamW shrinks what decays and nothing else. Adam turns the decay into a gradient, whose size does
// not matter to its first step.
TEST(Train, DecaysByGroup) {
  for (const OptimiserKind kind : {OptimiserKind::kAdamW, OptimiserKind::kAdam}) {
    const Tensor decaying = torch::full({2}, 3.0F).requires_grad_(true);
    const Tensor rest = torch::full({2}, 3.0F).requires_grad_(true);
    TrainOptions options;
    options.steps = 1;
    options.optimiser = kind;
    options.schedule = {.peak = 0.1, .warm_up = 0};
    TrainHooks hooks;
    hooks.loss = [&](int64_t, int64_t) { return (0 * decaying + 0 * rest).sum(); };
    ASSERT_TRUE(Train({{{{decaying}, 0.5}, {{rest}, 0}}, {}}, options, hooks, {}, SilentProgress()).ok());
    const double wanted = kind == OptimiserKind::kAdamW ? 3 * (1 - 0.1 * 0.5) : 3 - 0.1;
    EXPECT_NEAR(decaying[0].item<double>(), wanted, 1e-6);
    EXPECT_EQ(rest[0].item<double>(), 3);
  }
}

// Adam's first step is as long as the rate.
TEST(Train, GroupsHaveTheirOwnRates) {
  const Tensor slow = torch::zeros({2}).requires_grad_(true), fast = torch::zeros({2}).requires_grad_(true);
  const Tensor matrix = torch::zeros({2, 2}).requires_grad_(true);
  TrainOptions options;
  options.steps = 1;
  options.optimiser = OptimiserKind::kMuon;  // whose matrices are no group of AdamW
  options.schedule = {.peak = 0.1, .warm_up = 0};
  TrainHooks hooks;
  hooks.loss = [&](int64_t, int64_t) { return slow.sum() + fast.sum() + matrix.sum(); };
  const Trainable trainable{{{{matrix}, 0, true, 7}, {{slow}}, {{fast}, 0, false, 3}}, {}};
  ASSERT_TRUE(Train(trainable, options, hooks, {}, SilentProgress()).ok());
  EXPECT_NEAR(slow[0].item<double>(), -0.1, 1e-6);
  EXPECT_NEAR(fast[0].item<double>(), -0.3, 1e-6);
}

TEST(Train, NonFiniteLossesAreErrors) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Regression regression;
    Tensor before;
    const auto loss = regression.hooks.loss;
    regression.hooks.loss = [&](int64_t step, int64_t micro_batch) {
      before = regression.weight.detach().clone();
      return loss(step, micro_batch) * (step == 5 ? bad : 1.0);
    };
    Bytes bytes;
    const Result<TrainResult> result = regression.Run(Into(bytes));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Code::kInternal);
    EXPECT_EQ(result.error().message, "the loss stopped being finite at step 5");
    EXPECT_TRUE(torch::equal(regression.weight, before));
    EXPECT_TRUE(bytes.empty());
  }
}

TEST(Train, NonFiniteGradientsAreErrors) {
  const Tensor value = torch::zeros({2}).requires_grad_(true);
  TrainOptions options;
  options.clip_norm = 1;
  TrainHooks hooks;
  hooks.loss = [&](int64_t, int64_t) { return value.sqrt().sum(); };  // infinite slope at 0
  const Result<TrainResult> result = Train({{{{value}, 0}}, {}}, options, hooks, {}, SilentProgress());
  EXPECT_EQ(result.error().message, "the gradient stopped being finite at step 0");
  EXPECT_TRUE(torch::equal(value, torch::zeros({2})));
}

TEST(Train, StopsWithoutACheckpoint) {
  Regression regression;
  StopAfter stop(2);
  EXPECT_EQ(regression.Run({}, stop).error().message, "interrupted");
  EXPECT_EQ(stop.done(), 2U);
}

TEST(Train, KeepsItsStateInAFile) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder / "state";
  Regression whole, first, second;
  ASSERT_TRUE(whole.Run().ok());
  StopAfter stop(9);
  const Checkpoint none = CheckpointInFile(path).TakeValue();
  EXPECT_TRUE(none.saved.empty());
  EXPECT_FALSE(first.Run(none, stop).ok());
  const Checkpoint some = CheckpointInFile(path).TakeValue();
  EXPECT_FALSE(some.saved.empty());
  ASSERT_TRUE(second.Run(some).ok());
  EXPECT_TRUE(torch::equal(second.weight, whole.weight));
}

TEST(StraightThrough, GivesTheQuantisedValueAndPassesGradients) {
  const Tensor value = Values({7}, 1).requires_grad_(true);
  const Tensor got = StraightThrough(value, value.round());
  EXPECT_TRUE(torch::allclose(got, value.round()));
  (got * 3).sum().backward();
  EXPECT_TRUE(value.grad().eq(3).all().item<bool>());
}

TEST(BentPoseError, IsTheSquareNearAndTheRootFarAway) {
  const Tensor poses = torch::zeros({3, 6});
  const Tensor outputs = torch::tensor({0.0F, 1e-3F, 10.0F}).view({3, 1}).expand({3, 6});
  const Tensor error = BentPoseError(outputs, poses);
  EXPECT_EQ(error[0].item<double>(), 0);
  EXPECT_NEAR(error[1].item<double>(), 1e-6, 1e-9);
  EXPECT_NEAR(error[2].item<double>(), 2e-3 * std::sqrt(100 / 1e-3), 3e-3);
}

}  // namespace
}  // namespace kitsink
