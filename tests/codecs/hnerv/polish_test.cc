// Tests which changes codec hnerv proposes and makes when it polishes a scene.

#include "codecs/hnerv/polish.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "codecs/hnerv/frames.h"
#include "codecs/hnerv/round_weights.h"
#include "codecs/hnerv/scene_testlib.h"
#include "codecs/hnerv/weight_gradients.h"
#include "testlib.h"

namespace kitsink::hnerv {
namespace {

using testing::Must;

constexpr testing::HnervParts kPlain{.corrections = false, .selector = false, .offsets = false};

TEST(Changes, AreMadeWhereTheyFit) {
  Scene scene = testing::SmallHnervScene(3, kPlain, 2);
  scene.latents.codes = {0, 10, 20, 30, 255, 1, 2, 3, 4, 5};
  const Scene before = scene;
  EXPECT_FALSE(Fits({ChangeKind::kCode, 0, -1}, 0, scene));
  EXPECT_FALSE(Fits({ChangeKind::kCode, 4, 1}, 0, scene));
  EXPECT_FALSE(Fits({ChangeKind::kCode, 5, 1}, 0, scene));
  EXPECT_FALSE(Fits({ChangeKind::kMode, 0, 0}, 0, scene));
  EXPECT_FALSE(Fits({ChangeKind::kMode, 0, 16}, 0, scene));
  EXPECT_FALSE(Fits({ChangeKind::kCorrection, Correction::kNone, 0}, 1, scene));
  EXPECT_FALSE(Fits({ChangeKind::kFold, 1, 1}, 1, scene));

  const Change changes[] = {{ChangeKind::kCode, 1, -2}, {ChangeKind::kCorrection, 2, 7}, {ChangeKind::kMode, 0, 15}};
  for (const Change& change : changes) {
    ASSERT_TRUE(Fits(change, 1, scene));
    MakeChange(change, 1, scene);
    EXPECT_TRUE(CheckScene(scene, Limits()).ok());
  }
  EXPECT_EQ(scene.latents.codes[6], 0);
  EXPECT_EQ(scene.latents.corrections, (std::vector<Correction>{{}, {2, 7}}));
  EXPECT_EQ(scene.selector, (std::vector<uint8_t>{0, 15}));

  EXPECT_FALSE(Fits({ChangeKind::kFold, 1, 1}, 1, scene));
  MakeChange({ChangeKind::kFold, 2, 3}, 1, scene);
  MakeChange({ChangeKind::kMode, 0, 0}, 1, scene);
  DropEmptyColumns(scene);
  EXPECT_EQ(scene.latents.codes[7], 6);
  MakeChange({ChangeKind::kCode, 1, 2}, 1, scene);
  MakeChange({ChangeKind::kCode, 2, -3}, 1, scene);
  EXPECT_EQ(scene, before);
}

// A pair whose frames are better the nearer one dimension comes to a place between two codes.
struct Valley {
  Scene scene = testing::SmallHnervScene(4, kPlain, 3);
  ChangePrices prices{1, 1, 1e-9};
  std::vector<PolishedPair> pairs{3};
  static constexpr size_t kPair = 1;
  static constexpr uint8_t kDim = 3;

  Valley() {
    std::ranges::fill(scene.latents.codes, uint8_t{100});
    std::ranges::fill(scene.latents.scale, uint16_t{0x2400});  // 1/64: a code is 1.5625 hundredths
    for (PolishedPair& pair : pairs) pair.now = {0.5F, 0};
  }
  PairDistortion At(double codes) const { return {static_cast<float>(0.5 + 0.01 * codes * (codes - 1.2)), 0}; }
  void Test(const Change& change) {
    double codes = change.kind == ChangeKind::kCode ? change.amount : change.amount * 0.64;
    if (change.kind == ChangeKind::kMode || change.dim != kDim) codes = 2;  // worse
    PolishedPair& pair = pairs[kPair];
    pair.tested.push_back({change, pair.now, At(codes), pair.version});
  }
};

TEST(ChangeProposer, TestsStepsFirstAndThenLooksBetweenTheCodes) {
  Valley valley;
  std::vector<Change> first = ChangeProposer(valley.scene, valley.pairs, valley.prices).Propose(Valley::kPair, 10);
  ASSERT_EQ(first.size(), 10U);
  for (const Change& change : first) {
    EXPECT_EQ(change.kind, ChangeKind::kCode);
    EXPECT_EQ(std::abs(change.amount), 1);
    valley.Test(change);
  }
  // The parabola through both neighbours has its best place at 0.6 codes, next to one hundredth.
  const ChangeProposer proposer(valley.scene, valley.pairs, valley.prices);
  const std::vector<Change> second = proposer.Propose(Valley::kPair, 1000);
  EXPECT_EQ(second[0], (Change{ChangeKind::kCorrection, Valley::kDim, 1}));
  for (const Change& change : second) EXPECT_EQ(std::ranges::find(first, change), first.end());
  EXPECT_EQ(proposer.Propose(Valley::kPair, 2).size(), 2U);
  // Other pairs learn which dimension is worth a test.
  EXPECT_EQ(proposer.Propose(0, 1)[0].dim, Valley::kDim);

  // Once the pair has changed, what helped before is tested again before what did harm.
  ++valley.pairs[Valley::kPair].version;
  const std::vector<Change> third =
      ChangeProposer(valley.scene, valley.pairs, valley.prices).Propose(Valley::kPair, 1000);
  const auto place = [&third](const Change& change) { return std::ranges::find(third, change) - third.begin(); };
  EXPECT_LT(place({ChangeKind::kCode, Valley::kDim, 1}), place({ChangeKind::kCode, Valley::kDim, -1}));
}

TEST(ChangeProposer, KnowsThatSmoothCodesAreCheap) {
  Valley valley;
  valley.scene.latents.codes[Valley::kPair * valley.scene.latents.dims + Valley::kDim] = 110;
  const ChangeProposer proposer(valley.scene, valley.pairs, valley.prices);
  EXPECT_LT(proposer.GuessBits({ChangeKind::kCode, Valley::kDim, -2}, Valley::kPair), 0);
  EXPECT_GT(proposer.GuessBits({ChangeKind::kCode, Valley::kDim, 2}, Valley::kPair), 0);
}

// A scene, and what the stand-in nets read in frames of a scene that differs in one code, one correction and one mode.
struct PolishCase {
  static constexpr uint64_t kOriginalBytes = 2'000'000;
  Scene scene;
  std::vector<Observation> targets;
  std::unique_ptr<Nets> nets;
  testing::TemporaryFolder folder;

  PolishCase() {
    ConfigureTorch(1);
    nets = Must(Nets::Load(std::filesystem::path(KITSINK_SOURCE_DIR) / "models/standin", Device{}));
    scene = testing::SmallHnervScene(7, kPlain, 3);
    scene.frame_size = {320, 240};
    Scene wanted = scene;
    MakeChange({ChangeKind::kCode, 2, 1}, 0, wanted);
    MakeChange({ChangeKind::kMode, 0, 6}, 1, wanted);
    const auto renderer = Must(FrameRenderer::Create(wanted));
    std::vector<FramePair> frames;
    for (uint64_t pair = 0; pair < 3; ++pair) frames.push_back(renderer->Render(pair));
    targets = Must(nets->Observe(frames));
  }
  ResumeFolder Folder() const {
    const JobOutputs outputs{folder / "a.zip", folder / "a.zip.json"};
    return Must(ResumeFolder::Open(outputs, Json::object(), "0-of-1", Overwrite::kRefuse));
  }
  Result<MeasuredScene> Measure(const Scene& of) const {
    return MeasureScene(of, targets, *nets, kOriginalBytes, CodingContext());
  }
  Result<PolishedScene> Run(const ResumeFolder& resume) const {
    Polishing polishing;
    polishing.rounds = 3;
    polishing.candidates = 12;
    polishing.measure = [this](const Scene& of) { return Measure(of); };
    return Polish(scene, targets, *nets, polishing, resume, 1, SilentProgress());
  }
};

TEST(Polish, LowersTheScoreAsPredictedAndResumes) {
  const PolishCase test;
  const double before = Must(test.Measure(test.scene)).score.total();
  const ResumeFolder folder = test.Folder();
  const PolishedScene polished = Must(test.Run(folder));
  const double after = Must(test.Measure(polished.scene)).score.total();
  EXPECT_LT(after, before);

  double last = before;
  ASSERT_FALSE(polished.rounds.empty());
  for (const PolishRound& round : polished.rounds) {
    EXPECT_NEAR(round.predicted, round.measured, 1e-6);
    EXPECT_GT(round.tried.codes + round.tried.corrections + round.tried.modes, 0U);
    EXPECT_EQ(round.kept, round.measured < last);
    if (round.kept) last = round.measured;
  }
  EXPECT_EQ(last, after);

  // From the folder, from a part of it, and anew: the same scene.
  std::filesystem::remove(folder.PathOf("polish-2-pair-1"));
  std::filesystem::remove(folder.PathOf("polish-1.measured"));
  EXPECT_EQ(Must(test.Run(folder)).scene, polished.scene);
  ASSERT_TRUE(folder.Save("polish-1-pair-0", std::string_view("\x09")).ok());
  const Result<PolishedScene> damaged = test.Run(folder);
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().code, Code::kCorrupt);
}

TEST(CheaperMoves, SaveBitsAlongTheGradient) {
  Scene scene;
  Int8Tensor& tensor = scene.tensors.emplace_back();
  tensor.codes.assign(1000, 0);
  for (const size_t i : {10, 20, 30, 40}) tensor.codes[i] = 1;
  tensor.codes[50] = 127;
  std::vector<float> gradients(1000, -0.1F);  // up, where codes are rarer
  std::vector<double> squares(1000, 1);
  gradients[10] = gradients[20] = gradients[30] = 2;
  squares[10] = 4;
  squares[20] = 1;
  squares[30] = 9;
  const std::vector<CodeMove> moves = CheaperMoves(scene, gradients, squares);
  EXPECT_EQ(moves, (std::vector<CodeMove>{{0, 20, -1}, {0, 10, -1}, {0, 30, -1}}));
  MakeMoves(moves, scene);
  EXPECT_EQ(std::ranges::count(scene.tensors[0].codes, 1), 1);
}

TEST(CodeGradients, PointBackToWhatWasWanted) {
  const PolishCase test;
  Scene moved = test.scene;
  const auto renderer = Must(FrameRenderer::Create(moved));
  std::vector<FramePair> frames;
  for (uint64_t pair = 0; pair < 3; ++pair) frames.push_back(renderer->Render(pair));
  const std::vector<Observation> targets = Must(test.nets->Observe(frames));
  int8_t& bias = moved.tensors.back().codes[0];
  const int delta = bias < 0 ? 20 : -20;
  bias = static_cast<int8_t>(bias + delta);
  const auto gradients = [&](PairRange pairs) {
    return CodeGradients(moved, pairs, targets, *Must(test.nets->FoldedModules()), 1);
  };
  const std::vector<float> all = gradients({0, 3}), first = gradients({0, 1}), rest = gradients({1, 3});
  const size_t at = all.size() - moved.tensors.back().codes.size();
  EXPECT_GT(all[at] * static_cast<float>(delta), 0);
  for (size_t i = 0; i < all.size(); i += 7) EXPECT_NEAR(all[i], first[i] + rest[i], 1e-4 * std::abs(all[i]) + 1e-6);
}

TEST(RoundWeights, LowersTheScoreAndResumes) {
  const PolishCase test;
  const ResumeFolder folder = test.Folder();
  WeightRounding rounding;
  rounding.rounds = 2;
  rounding.measure = [&test](const Scene& of) { return test.Measure(of); };
  const auto run = [&] {
    return RoundWeights(test.scene, test.targets, *test.nets, rounding, folder, SilentProgress());
  };
  const RoundedScene rounded = Must(run());
  const MeasuredScene before = Must(test.Measure(test.scene)), after = Must(test.Measure(rounded.scene));
  ASSERT_FALSE(rounded.rounds.empty());
  double gain = 0;
  int64_t paid = 0;
  for (const WeightRound& round : rounded.rounds) {
    EXPECT_LE(round.made, round.proposed);
    gain += round.gain;
    paid += round.paid_bytes;
  }
  EXPECT_GT(gain, 0);
  EXPECT_NEAR(before.score.total() - after.score.total(), gain, 1e-9);
  EXPECT_EQ(static_cast<int64_t>(after.score.archive_bytes - before.score.archive_bytes), paid);
  EXPECT_EQ(rounded.scene.latents, test.scene.latents);

  std::filesystem::remove(folder.PathOf("weights-1-block-1"));
  std::filesystem::remove(folder.PathOf("weights-1-0.score"));
  EXPECT_EQ(Must(run()).scene, rounded.scene);
  rounding.seconds_left = [] { return 0.0; };
  EXPECT_TRUE(Must(run()).rounds.empty());
  ASSERT_TRUE(folder.Save("weights-1-block-0", std::string_view("\x09")).ok());
  rounding.seconds_left = [] { return INFINITY; };
  const Result<RoundedScene> damaged = run();
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace kitsink::hnerv
