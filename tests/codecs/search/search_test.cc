// Tests the search, the choice of selectors, the fit and the renderer on the stand-in nets.

#include "codecs/search/search.h"

#include <torch/torch.h>

#include <cmath>
#include <numeric>
#include <set>

#include "codecs/search/choose_selectors.h"
#include "codecs/search/fake_quant.h"
#include "codecs/search/fit.h"
#include "codecs/search/render.h"
#include "kitsink/contest.h"
#include "kitsink/kernels.h"
#include "nets/nets_torch.h"
#include "testlib.h"

namespace kitsink::search {
namespace {

using testing::Random;

// A smooth picture with a few coloured discs; `phase` moves them.
Frame Picture(FrameSize size, int phase) {
  Frame frame{size, std::vector<uint8_t>(size.size_bytes())};
  for (uint32_t y = 0; y < size.height; ++y) {
    for (uint32_t x = 0; x < size.width; ++x) {
      uint8_t* pixel = frame.rgb.data() + (size_t{y} * size.width + x) * 3;
      const double u = x * 1164.0 / size.width;
      const double v = y * 874.0 / size.height;
      const bool disc = std::hypot(u - 400 - 20 * phase, v - 500) < 150;
      pixel[0] = static_cast<uint8_t>(disc ? 220 : 60 + u / 12);
      pixel[1] = static_cast<uint8_t>(disc ? 40 : 200 - v / 8);
      pixel[2] = static_cast<uint8_t>(v > 700 ? 20 : 128 + 60 * std::sin(u / 90.0 + phase));
    }
  }
  return frame;
}

FramePair Pair(FrameSize size, int phase) { return {Picture(size, phase), Picture(size, phase + 1)}; }

Nets& StandIns() {
  static const std::unique_ptr<Nets> nets = [] {
    ConfigureTorch(2);
    return Nets::Load(std::filesystem::path(KITSINK_SOURCE_DIR) / "models/standin", Device{}).TakeValue();
  }();
  return *nets;
}

double PairScore(const PairDistortion& distortion) {
  return 100.0 * distortion.seg + std::sqrt(10.0 * distortion.pose);
}

TEST(Preimage, TheResizeGivesTheWantedPicture) {
  Random random(7);
  std::vector<float> picture(3 * 384 * 512);
  for (float& value : picture) value = static_cast<float>(random.Below(255000)) / 1000.0F;
  const Frame frame = WritePreimage(picture, kContestFrameSize);
  const Frame* const frames[] = {&frame};
  const torch::Tensor wanted = torch::tensor(picture).view({1, 3, 384, 512});
  const torch::Tensor got = ResizeToModelGrid(FramesToTensor(frames, torch::kCPU));
  const torch::Tensor error = (got - wanted).abs();
  EXPECT_LT(error.mean().item<double>(), 0.03);
  EXPECT_LT(error.max().item<double>(), 0.75);
}

TEST(Preimage, KeepsTheEndsOfTheRange) {
  std::vector<float> picture(3 * 384 * 512);
  for (size_t i = 0; i < picture.size(); ++i) picture[i] = i % 2 == 0 ? -40.0F : 300.0F;
  const Frame frame = WritePreimage(picture, {1024, 768});
  for (const uint8_t value : frame.rgb) ASSERT_TRUE(value == 0 || value == 255);
}

TEST(Preimage, UnreadPixelsRepeatANeighbour) {
  const std::vector<float> picture(3 * 384 * 512, 77.0F);
  for (const uint8_t value : WritePreimage(picture, kContestFrameSize).rgb) ASSERT_EQ(value, 77);
}

TEST(Preimage, NeedsTwiceTheModelGrid) {
  EXPECT_TRUE(HasPrivateTaps(kContestFrameSize));
  EXPECT_TRUE(HasPrivateTaps({1024, 768}));
  EXPECT_FALSE(HasPrivateTaps({1023, 768}));
  EXPECT_FALSE(HasPrivateTaps({640, 480}));
}

TEST(FakeQuantize, GivesStoredValuesAndPassesGradients) {
  Random random(3);
  for (const TensorKind kind : {TensorKind::kFp4, TensorKind::kHalf, TensorKind::kDense}) {
    const TensorSpec spec{"x", {7, 31}, kind};
    std::vector<float> values(spec.num_values());
    for (float& value : values) value = (static_cast<float>(random.Below(2000001)) - 1e6F) * 1e-6F;
    const torch::Tensor value = torch::tensor(values).view({7, 31}).requires_grad_(true);
    const torch::Tensor got = FakeQuantize(spec, value);
    // Stored values must stay unchanged when they are quantised again.
    const torch::Tensor again = FakeQuantize(spec, got);
    EXPECT_LT((again - got).abs().max().item<double>(), 1e-6);
    EXPECT_GT((got - value).abs().max().item<double>(), 1e-5);
    got.sum().backward();
    EXPECT_TRUE(value.grad().eq(1).all().item<bool>());
  }
}

TEST(Search, LowersTheDistortionOnBothGrids) {
  for (const SearchGrid grid : {SearchGrid::kModel, SearchGrid::kCamera}) {
    const std::vector<FramePair> wanted = {Pair(kContestFrameSize, 0)};
    const std::vector<Observation> target = StandIns().Observe(wanted).TakeValue();
    const std::vector<PairTarget> targets = {{target[0].class_map, target[0].pose, {}}};
    SearchOptions options;
    options.grid = grid;
    options.steps = 12;
    const auto result = SearchFrames({Pair(kContestFrameSize, 3)}, targets, StandIns(), options);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_LT(PairScore(result.value()[0].after), 0.7 * PairScore(result.value()[0].before));
    // The reported distortions are those of the returned frames.
    const std::vector<FramePair> frames = {result.value()[0].frames};
    const PairDistortion measured = ComparePair(target[0], StandIns().Observe(frames).value()[0]);
    EXPECT_EQ(measured.seg, result.value()[0].after.seg);
    EXPECT_EQ(measured.pose, result.value()[0].after.pose);
    // The curve begins at the start's distortion and never rises: pose, then both terms, then pose again.
    const std::vector<PairDistortion>& curve = result.value()[0].curve;
    ASSERT_EQ(curve.size(), options.total_steps() + 1);
    EXPECT_NEAR(PairScore(curve[0]), PairScore(result.value()[0].before), 0.02 * PairScore(curve[0]));
    for (uint32_t step = 1; step < options.total_steps(); ++step) {
      if (step == options.prepass_steps) continue;  // seg is measured again, on pixels before rounding
      EXPECT_LE(PairScore(curve[step]), PairScore(curve[step - 1]) * 1.0001) << step;
    }
    for (uint32_t step = 1; step < options.prepass_steps; ++step) EXPECT_EQ(curve[step].seg, curve[0].seg);
    EXPECT_EQ(PairScore(curve.back()), PairScore(result.value()[0].after));
  }
}

TEST(Search, APerfectStartIsKept) {
  const std::vector<FramePair> start = {Pair(kContestFrameSize, 0)};
  const std::vector<Observation> target = StandIns().Observe(start).TakeValue();
  const std::vector<PairTarget> targets = {{target[0].class_map, target[0].pose, {}}};
  SearchOptions options;
  options.steps = 2;
  const auto result = SearchFrames(start, targets, StandIns(), options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value()[0].frames.f1.rgb, start[0].f1.rgb);
  EXPECT_EQ(PairScore(result.value()[0].after), 0);
}

TEST(Search, NoStepsReturnTheStart) {
  const std::vector<FramePair> start = {Pair(kContestFrameSize, 0)};
  const std::vector<uint8_t> map(384 * 512, 1);
  const std::vector<PairTarget> targets = {{map, {}, {}}};
  SearchOptions options;
  options.steps = 0;
  const auto result = SearchFrames(start, targets, StandIns(), options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value()[0].frames.f1.rgb, start[0].f1.rgb);
  EXPECT_EQ(result.value()[0].before.seg, result.value()[0].after.seg);
  EXPECT_EQ(result.value()[0].curve.size(), 1U);
}

TEST(Search, SmallFramesAreSearchedOnTheCameraGrid) {
  constexpr FrameSize kSmall{320, 240};
  const std::vector<FramePair> wanted = {Pair(kSmall, 0)};
  const std::vector<Observation> target = StandIns().Observe(wanted).TakeValue();
  const std::vector<PairTarget> targets = {{target[0].class_map, target[0].pose, {}}};
  SearchOptions options;
  options.steps = 8;
  const auto result = SearchFrames({Pair(kSmall, 3)}, targets, StandIns(), options);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_LT(PairScore(result.value()[0].after), PairScore(result.value()[0].before));
  options.grid = SearchGrid::kModel;
  EXPECT_EQ(SearchFrames({Pair(kSmall, 3)}, targets, StandIns(), options).error().code, Code::kInvalidArgument);
}

// Codes have their effects: a perturbed start, another aim, other weights. Equal codes give equal results.
TEST(Search, CodesSteerIt) {
  constexpr FrameSize kSize{1024, 768};
  const std::vector<FramePair> wanted = {Pair(kSize, 0)};
  const std::vector<Observation> target = StandIns().Observe(wanted).TakeValue();
  SearchOptions options;
  options.prepass_steps = options.repair_steps = 1;
  options.steps = 6;
  const auto search = [&](PairCodes codes) {
    const std::vector<PairTarget> targets = {{target[0].class_map, target[0].pose, codes}};
    return SearchFrames({Pair(kSize, 3)}, targets, StandIns(), options).TakeValue()[0];
  };
  const SearchedPair plain = search({});
  EXPECT_TRUE(search({}).frames.f1.rgb == plain.frames.f1.rgb);
  for (const PairCodes codes : {PairCodes{6, 0, 0}, PairCodes{0, 7, 0}, PairCodes{0, 0, 2}, PairCodes{0, 0, 7}}) {
    const SearchedPair steered = search(codes);
    EXPECT_TRUE(steered.frames.f1.rgb != plain.frames.f1.rgb) << int{codes.loss_control};
    EXPECT_LE(PairScore(steered.after), PairScore(steered.before));
  }
}

TEST(ChooseSelectors, KeepsWhatBeatsItsBytes) {
  // Seed 5 helps even pairs. Factor 0.9 helps the pose of pair 0, but by too little. Control 1 helps pairs 6 and 7.
  uint64_t plays = 0;
  const PlaySearch play = [&plays](std::span<const PairCodes> codes) -> Result<std::vector<PairDistortion>> {
    plays += codes.size();
    std::vector<PairDistortion> distortions(codes.size(), {0.01F, 0.001F});
    for (size_t pair = 0; pair < codes.size(); ++pair) {
      if (codes[pair].start_seed == 5) distortions[pair].seg += pair % 2 == 0 ? -0.002F : 0.002F;
      if (codes[pair].pose_factor == 3 && pair == 0) distortions[pair].pose -= 1e-8F;
      if (codes[pair].loss_control == 1) distortions[pair].seg += pair >= 6 ? -0.003F : 0.001F;
    }
    return distortions;
  };
  const SelectorChoice choice = ChooseSelectors(8, SelectorEffort::kFast, ScorePerByte(37545489), play).TakeValue();
  EXPECT_EQ(plays, 8 * CountPlays(SelectorEffort::kFast));
  ASSERT_EQ(choice.table.tails.size(), 2U);
  EXPECT_EQ(choice.table.tails[0], (Tail{TailKind::kStartSeed, {5, 0, 5, 0, 5, 0, 5, 0}}));
  EXPECT_EQ(choice.table.tails[1], (Tail{TailKind::kLossControl, {0, 1}}));
  ASSERT_EQ(choice.gains.size(), 3U);
  EXPECT_TRUE(choice.gains[0].kept);
  EXPECT_EQ(choice.gains[0].bytes, 11U);
  EXPECT_NEAR(choice.gains[0].gain, 0.1, 1e-5);
  EXPECT_FALSE(choice.gains[1].kept);
  EXPECT_NEAR(choice.gains[2].gain, 0.075, 1e-5);
  // When bytes cost more than any gain, no tail is kept.
  EXPECT_TRUE(ChooseSelectors(8, SelectorEffort::kFast, 1, play).TakeValue().table.tails.empty());
  EXPECT_EQ(CountPlays(SelectorEffort::kFull), 30U);
  EXPECT_EQ(CountPlays(SelectorEffort::kNone), 0U);
}

// Asks to stop after a number of steps, as Ctrl-C does.
class StopAfter final : public Progress {
 public:
  explicit StopAfter(uint64_t steps) : steps_(steps) {}
  void Begin(std::string_view, uint64_t, std::string_view) override {}
  void Update(uint64_t done, std::string_view) override { done_ = done; }
  void End() override {}
  bool stop_requested() const override { return done_ >= steps_; }

 private:
  uint64_t steps_, done_ = 0;
};

TEST(Fit, LowersTheDistortionAndGoesOnWhereItStopped) {
  FitOptions options;
  options.shape.trunk = options.shape.down = options.shape.head = 8;
  options.shape.condition = 4;
  // After 24 steps the distortion depends on how floats are rounded: with seed 0 it is 0.74 or 0.81 of the start's, as
  // the pairs of a step are taken together or one by one. With seeds 1 to 3 it is 0.25 to 0.51 either way.
  options.seed = 1;
  const std::vector<FramePair> pairs = {Pair(kContestFrameSize, 0), Pair(kContestFrameSize, 4)};
  const std::vector<Observation> observed = StandIns().Observe(pairs).TakeValue();
  MaskClip mask{512, 384, 2, 5, {}};
  std::vector<float> poses;
  for (const Observation& observation : observed) {
    mask.ids.insert(mask.ids.end(), observation.class_map.begin(), observation.class_map.end());
    poses.insert(poses.end(), observation.pose.begin(), observation.pose.end());
  }
  const Track pose = QuantizeTrack(poses, 6, TrackKind::kUniformStep).TakeValue();
  const auto fit = [&](uint32_t steps, const FitCheckpoint& checkpoint, Progress& progress) {
    options.steps = steps;
    const std::vector<TeacherReading> readings = ReadTeacher(StandIns(), pairs).TakeValue();
    const auto teacher = [&](size_t pair) -> Result<std::vector<uint16_t>> { return readings[pair].logits; };
    return FitWeights(StandIns(), options, {kContestFrameSize, mask, pose, teacher}, checkpoint, progress);
  };
  const auto distortion = [&](const WeightSet& weights) {
    const Scene scene{kContestFrameSize, mask, pose, weights, {}};
    const auto renderer = Renderer::Create(scene, Device{}).TakeValue();
    const std::vector<Observation> got = StandIns().Observe(renderer->Render(0, 2).value()).TakeValue();
    return PairScore(ComparePair(observed[0], got[0])) + PairScore(ComparePair(observed[1], got[1]));
  };
  const WeightSet fitted = fit(24, {}, SilentProgress()).TakeValue();
  EXPECT_LT(distortion(fitted), 0.8 * distortion(fit(0, {}, SilentProgress()).TakeValue()));
  FitCheckpoint checkpoint;
  checkpoint.save = [&checkpoint](std::span<const uint8_t> state) {
    checkpoint.saved.assign(state.begin(), state.end());
    return Ok();
  };
  StopAfter eleven(11);
  EXPECT_FALSE(fit(24, checkpoint, eleven).ok());
  ASSERT_FALSE(checkpoint.saved.empty());
  EXPECT_TRUE(fit(24, checkpoint, SilentProgress()).value() == fitted);
}

// A narrow generator with seeded weights.
WeightSet RandomWeights() {
  WeightSet weights;
  weights.shape = GeneratorShape{5, 6, 8, 8, 8, 8, 6};
  testing::Random random(3);
  for (const TensorSpec& spec : GeneratorTensors(weights.shape)) {
    std::vector<float> values(spec.num_values());
    for (float& value : values) value = static_cast<float>(random.Below(2001)) / 1000.0F - 1.0F;
    weights.tensors.push_back(QuantizeTensor(spec, values).value());
  }
  return weights;
}

TEST(GeneratorRenderer, RendersPairsOfTheSizeAskedFor) {
  Scene scene;
  scene.frame_size = {200, 120};
  MaskClip& mask = scene.mask;
  mask = {kModelGrid.width, kModelGrid.height, 3, 5, {}};
  mask.ids.resize(mask.map_bytes() * 3);
  for (size_t i = 0; i < mask.ids.size(); ++i) mask.ids[i] = static_cast<uint8_t>(i / 40000 % 5);
  Track& pose = scene.pose;
  pose.num_rows = 3;
  pose.num_columns = 6;
  pose.values.resize(18);
  std::iota(pose.values.begin(), pose.values.end(), 0);
  for (int32_t& value : pose.values) value *= 50;
  scene.weights = RandomWeights();
  const auto renderer = Renderer::Create(scene, Device{});
  ASSERT_TRUE(renderer.ok()) << renderer.error().message;
  const auto pairs = renderer.value()->Render(1, 2);
  ASSERT_TRUE(pairs.ok()) << pairs.error().message;
  ASSERT_EQ(pairs.value().size(), 2U);
  for (const FramePair& pair : pairs.value()) {
    EXPECT_EQ(pair.f0.size, (FrameSize{200, 120}));
    EXPECT_EQ(pair.f1.rgb.size(), pair.f1.size.size_bytes());
    EXPECT_GT(std::set<uint8_t>(pair.f1.rgb.begin(), pair.f1.rgb.end()).size(), 3U);
    EXPECT_NE(pair.f0.rgb, pair.f1.rgb);
  }
  const auto again = renderer.value()->Render(1, 1);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value()[0].f1.rgb, pairs.value()[0].f1.rgb);
  EXPECT_EQ(again.value()[0].f0.rgb, pairs.value()[0].f0.rgb);
  EXPECT_FALSE(renderer.value()->Render(2, 2).ok());

  pose.num_rows = 2;
  pose.values.resize(12);
  EXPECT_FALSE(Renderer::Create(scene, Device{}).ok());
}

}  // namespace
}  // namespace kitsink::search
