// Tests how codec strict learns: the renderer in LibTorch, its quantisation and losses, and the carrier's solver.

#include <torch/torch.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "codecs/strict/carrier_basis.h"
#include "codecs/strict/network_torch.h"
#include "codecs/strict/pose_solver.h"
#include "codecs/strict/render.h"
#include "codecs/strict/render_testlib.h"
#include "codecs/strict/seg_loss.h"
#include "codecs/strict/solve_carrier.h"
#include "kitsink/half.h"
#include "kitsink/run.h"
#include "nets/nets_torch.h"
#include "testlib.h"

namespace kitsink::strict {
namespace {

using testing::Must;
using torch::Tensor;
using Tensors = std::vector<Tensor>;

Nets& StandIns() {
  static const std::unique_ptr<Nets> nets = [] {
    ConfigureTorch(1);
    return Nets::Load(std::filesystem::path(KITSINK_SOURCE_DIR) / "models/standin", Device{}).TakeValue();
  }();
  return *nets;
}

RendererShape SmallShape() { return {5, 3, 16, 4, {1, 2}}; }

Tensors NoisyValues(const RendererShape& shape) {
  const ClassColours colours = {{{90, 90, 95}, {200, 200, 190}, {60, 110, 50}, {150, 30, 40}, {20, 20, 25}}};
  Tensors values = StartValues(shape, colours, 7, torch::kCPU);
  torch::manual_seed(3);
  const torch::NoGradGuard no_grad;
  for (Tensor& value : values) value.add_(0.05 * torch::randn_like(value));
  return values;
}

TEST(QuantiseRenderer, TrainingSeesTheStoredValues) {
  const RendererShape shape = SmallShape();
  const Tensors values = NoisyValues(shape);
  const Tensors seen = Quantised(shape, values);
  const Renderer stored = Must(QuantiseRenderer(shape, false, values));
  const Tensors read = ValuesOf(stored, torch::kCPU);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_LT((seen[i] - read[i]).abs().max().item<float>(), 1e-6F) << i;  // value + (quantised - value) rounds
    EXPECT_FALSE(torch::equal(read[i], values[i])) << i;
    seen[i].sum().backward();
    EXPECT_TRUE(torch::equal(values[i].grad(), torch::ones_like(values[i]))) << i;
  }
  EXPECT_EQ(Must(QuantiseRenderer(shape, false, read)).tensors.size(), stored.tensors.size());
}

TEST(QuantiseRenderer, CodesReachSevenAndStepsAreCoarse) {
  const TensorSpec spec{"w", {2, 3}, TensorKind::kInt4Rows};
  const std::vector<float> values = {0.7F, -0.36F, 0.1F, 0, 0, 0};
  const QuantizedTensor tensor = Must(QuantizeMixedTensor(spec, values));
  EXPECT_EQ(tensor.codes, (std::vector<uint8_t>{7, 0xfc, 1, 0, 0, 0}));
  EXPECT_EQ(tensor.scales[1], kHalfOne);  // a line of zeros
  for (const uint16_t scale : tensor.scales) EXPECT_EQ(scale & 31, 0);
  EXPECT_NEAR(HalfToFloat(tensor.scales[0]), 0.1F, 0.1F / 32);
  const TensorSpec columns{"e", {2, 3}, TensorKind::kInt4Columns};
  EXPECT_EQ(Must(QuantizeMixedTensor(columns, values)).scales.size(), 3U);
  EXPECT_FALSE(QuantizeMixedTensor(spec, std::vector<float>(5)).ok());
  EXPECT_FALSE(QuantizeMixedTensor(spec, std::vector<float>(6, INFINITY)).ok());
}

// The picture that training sees is the one that inflate renders, up to rounding.
TEST(RenderPicture, IsThePictureOfTheKernels) {
  testing::StrictSizes sizes;
  sizes.map = sizes.frame = {64, 48};
  const Scene scene = testing::SmallStrictScene(sizes, 5);
  const std::unique_ptr<FrameRenderer> renderer = Must(FrameRenderer::Create(scene));
  const torch::NoGradGuard no_grad;
  for (const int64_t pair : {0, 2}) {
    const int64_t pairs[] = {pair};
    const Tensor picture = RenderPicture(scene.renderer.shape, ValuesOf(scene.renderer, torch::kCPU),
                                         MapsToTensor(scene.mask, pairs, torch::kCPU), torch::tensor({pair}));
    const Frame f1 = renderer->RenderF1(scene.mask.map(static_cast<size_t>(pair)), static_cast<uint64_t>(pair), 1);
    const Frame* const frames[] = {&f1};
    EXPECT_LT((picture - FramesToTensor(frames, torch::kCPU)).abs().max().item<float>(), 0.52F);
  }
}

TEST(StartValues, PaintClassesInTheirColours) {
  const RendererShape shape = SmallShape();
  const ClassColours colours = {{{90, 90, 95}, {200, 200, 190}, {60, 110, 50}, {150, 30, 40}, {20, 20, 25}}};
  const torch::NoGradGuard no_grad;
  const Tensors values = StartValues(shape, colours, 7, torch::kCPU);
  const Tensor maps = torch::arange(5).view({1, 5, 1}).expand({1, 5, 40}).repeat_interleave(8, 1).contiguous();
  const Tensor picture = RenderPicture(shape, values, maps, torch::tensor({int64_t{0}}));
  for (int64_t k = 0; k < 5; ++k) {
    for (int64_t c = 0; c < 3; ++c) {
      const double painted = picture[0][c].slice(0, 8 * k + 3, 8 * k + 5).mean().item<double>();
      EXPECT_NEAR(painted, colours[static_cast<size_t>(k)][static_cast<size_t>(c)], 70) << k << " " << c;
    }
  }
}

TEST(SegLoss, PhasesAtAKnownMargin) {
  const RendererTraining training;
  // Margins 2 and -1.
  Tensor logits = torch::tensor({3.0F, 1.0F, 1.0F, 2.0F, 0.0F, 0.0F}).view({1, 3, 1, 2}).contiguous();
  logits.requires_grad_(true);
  const Tensor target = torch::zeros({1, 1, 2}, torch::kLong);
  const auto loss = [&](double u) { return SegLoss(training, logits, target, u).item<double>(); };
  const auto entropy = [](double t) {
    return (std::log(1 + std::exp(-2 / t) + std::exp(-3 / t)) + std::log(1 + std::exp(1 / t) + std::exp(-1 / t))) / 2;
  };
  EXPECT_NEAR(loss(0), entropy(1), 1e-6);
  EXPECT_NEAR(loss(training.cross_entropy_until / 2), entropy(std::sqrt(0.08)), 1e-5);
  EXPECT_NEAR(loss(training.cross_entropy_until), 0.1 * (std::log1p(std::exp(-10.0)) + std::log1p(std::exp(5.0))),
              1e-6);
  EXPECT_NEAR(loss(training.hinge_until), (1 / (1 + std::exp(2 / 0.15)) + 1 / (1 + std::exp(-1 / 0.15))) / 2, 1e-6);
  SegLoss(training, logits, target, 0.9).backward();
  EXPECT_LT(logits.grad()[0][0][0][1].item<float>(), 0);  // the wrong pixel's logit rises
}

// A scene of the model grid with one pair, whose f0 the tests solve.
struct PoseCase {
  Carrier carrier;
  Frame f1;
  std::array<float, kPoseValues> target{};

  PoseCase() {
    testing::Random random(9);
    carrier.num_atoms = 3;
    carrier.grid_height = 6;
    carrier.grid_width = 8;
    for (int i = 0; i < 3 * 3 * 48; ++i) carrier.basis.push_back(static_cast<int8_t>(int(random.Below(31)) - 15));
    carrier.basis_scales.assign(3, 1);
    carrier.coefficient_scales.assign(3, 1.0F / 256);
    f1 = Picture().Render(Coefficients{150, -80, 60}, 1);
    const Frame f0 = Picture().Render(Coefficients{170, -60, 40}, 1);
    const FramePair pair{f0, f1};
    target = StandIns().Observe({&pair, 1}).TakeValue()[0].pose;
  }
  CarrierPicture Picture() const { return CarrierPicture(carrier, kModelGrid, {640, 480}, FastRowKernels()); }
};

TEST(PairSolver, LowersTheErrorOfTheWrittenFrame) {
  const PoseCase pose;
  const CarrierPicture picture = pose.Picture();
  const AtomSolver solver(picture, {8, 6}, pose.f1, pose.target, 0, StandIns().modules());
  const Coefficients start{140, -90, 70};
  const double before = solver.Errors({&start, 1})[0];
  const SolvedPair solved = solver.Solve(start, {.iterations = 4, .polish = 1});
  EXPECT_LT(solved.error, before / 4);
  // What it reports is what the nets read in the frame that inflate writes.
  const FramePair frames{picture.Render(solved.coefficients, 1), pose.f1};
  const Observation read = StandIns().Observe({&frames, 1}).TakeValue()[0];
  double error = 0;
  for (size_t i = 0; i < kPoseValues; ++i) error += std::pow(double{read.pose[i]} - double{pose.target[i]}, 2) / 6;
  EXPECT_NEAR(error, solved.error, 1e-3 * error + 1e-9);
  // The truth has no error, and solving from it changes nothing.
  const Coefficients truth{170, -60, 40};
  EXPECT_LT(solver.Errors({&truth, 1})[0], 1e-9);
}

// f0 is f1's picture under a motion that the solver does not know.
TEST(MotionSolver, FindsAMotionThatReadsTheSame) {
  testing::StrictSizes sizes;
  sizes.map = kModelGrid;
  sizes.frame = {1024, 768};
  sizes.pairs = 1;
  sizes.atoms = 0;
  Scene scene = testing::SmallStrictScene(sizes, 3);
  scene.renderer.preimage = true;
  scene.carrier.coefficients = {150, 5000, 40, -200, -30, 5300};
  scene.selector = {0};
  const std::unique_ptr<FrameRenderer> renderer = FrameRenderer::Create(scene).TakeValue();
  const FramePair written = renderer->Render(0, 1);
  const std::array<float, kPoseValues> target = StandIns().Observe({&written, 1}).TakeValue()[0].pose;
  const MotionSolver solver(*renderer, renderer->RenderPicture(scene.mask.map(0), 0, 1), target, 0,
                            StandIns().modules());
  EXPECT_LT(solver.Errors({&scene.carrier.coefficients, 1})[0], 1e-9);
  const Coefficients still(kMotionTerms, 0), start = solver.Start();
  const std::array candidates{still, start};
  const std::vector<double> errors = solver.Errors(candidates);
  EXPECT_LT(errors[1], errors[0] / 10);
  const SolvedPair solved = solver.Solve(start, {.iterations = 4, .polish = 1});
  EXPECT_LT(solved.error, errors[1]);
  EXPECT_NEAR(solver.Errors({&solved.coefficients, 1})[0], solved.error, 1e-3 * solved.error);  // in another batch
}

// The pose of an f0 with atoms that the solver does not know is met by its own atoms.
TEST(SolveCarrier, AddsAtomsToMotions) {
  testing::StrictSizes sizes;
  sizes.map = kModelGrid;
  sizes.frame = {1024, 768};
  sizes.pairs = 1;
  sizes.moves = true;
  Scene scene = testing::SmallStrictScene(sizes, 3);
  scene.renderer.preimage = true;
  scene.carrier.coefficients = {0, 0, 0, 0, 0, 0, 150, -80, 60};
  scene.selector = {0};
  const FramePair unknown = Must(FrameRenderer::Create(scene))->Render(0, 1);
  const std::vector<Observation> targets = Must(StandIns().Observe({&unknown, 1}));
  scene.carrier = StillCarrier(1);
  const std::unique_ptr<FrameRenderer> still = Must(FrameRenderer::Create(scene));
  const Coefficients none(kMotionTerms, 0);
  const double before =
      MakePairSolver(scene, *still, scene.mask.map(0), 0, targets[0].pose, StandIns().modules())->Errors({&none, 1})[0];

  const testing::TemporaryFolder folder;
  const JobOutputs outputs{folder / "a.zip", folder / "a.json"};
  const ResumeFolder resume = Must(ResumeFolder::Open(outputs, Json::object(), "0-of-1", Overwrite::kRefuse));
  CarrierSolve options;
  options.new_basis = false;
  options.seconds_left = [] { return 0.0; };  // one step
  const SolvedCarrier solved = Must(SolveAddedAtoms(scene, targets, StandIns(), options, resume, 1, SilentProgress()));
  EXPECT_TRUE(solved.carrier.moves);
  EXPECT_EQ(solved.carrier.num_atoms, AddedAtomsFor(1).num_atoms);
  EXPECT_EQ(solved.carrier.coefficients.size(), solved.carrier.num_terms());
  EXPECT_LT(solved.error, before / 4);
}

// The Jacobian by the grid's pixels is the gradient through the enlargement of a change, and a code changes the picture
// by its atom.
TEST(PairSolver, JacobianIsTheGradientOfTheEnlargedGrid) {
  namespace F = torch::nn::functional;
  const PoseCase pose;
  const CarrierPicture picture = pose.Picture();
  const AtomSolver solver(picture, {8, 6}, pose.f1, pose.target, 0, StandIns().modules());
  const auto read = [](const Frame& frame) {
    const Frame* const frames[] = {&frame};
    return ResizeToModelGrid(FramesToTensor(frames, torch::kCPU));
  };
  const auto enlarged = [](const Tensor& grid) {
    return F::interpolate(
        grid.view({1, 3, 6, 8}),
        F::InterpolateFuncOptions().size(std::vector<int64_t>{384, 512}).mode(torch::kBicubic).align_corners(false));
  };
  const Coefficients at{150, -80, 60}, moved{190, -80, 60};
  const Linearisation linear = solver.Linearise(at);
  const Tensor small_f0 = read(picture.Render(at, 1)), small_f1 = read(pose.f1);
  const Tensor change = torch::zeros({1, 3, 6, 8}).requires_grad_(true);
  for (const int64_t output : {0, 3}) {
    const Tensor outputs = PoseOutputs(StandIns().modules(), small_f0 + enlarged(change), small_f1)[0];
    const Tensor gradient = torch::autograd::grad({outputs[output]}, {change})[0].flatten().to(torch::kDouble);
    const Tensor got = linear.jacobian[output];
    EXPECT_LT((got - gradient).norm().item<double>(), 1e-3 * gradient.norm().item<double>()) << output;
  }
  const Tensor atom = AtomsOf(picture, {8, 6})[0].to(torch::kFloat32);
  const Tensor difference = read(picture.Render(moved, 1)) - small_f0 - enlarged(40 * atom);
  EXPECT_LT(difference.abs().mean().item<float>(), 0.4F);  // two roundings
  EXPECT_GT(enlarged(40 * atom).abs().mean().item<float>(), 3);
}

TEST(PairSolver, TakesAModeOnlyWhereItGains) {
  const PoseCase pose;
  const CarrierPicture picture = pose.Picture();
  const AtomSolver solver(picture, {8, 6}, pose.f1, pose.target, 0, StandIns().modules());
  SolvedPair pair{{140, -90, 70}, 0};
  pair.error = solver.Errors({&pair.coefficients, 1})[0];
  const double before = pair.error;
  EXPECT_EQ(solver.BestMode(pair, 1e9), 0);
  EXPECT_EQ(pair.error, before);
  const uint8_t mode = solver.BestMode(pair, 0);
  const AtomSolver in_mode(picture, {8, 6}, pose.f1, pose.target, mode, StandIns().modules());
  EXPECT_NEAR(in_mode.Errors({&pair.coefficients, 1})[0], pair.error, 1e-3 * pair.error);
  EXPECT_LE(pair.error, before);
}

TEST(CarrierBasis, StepRemovesResidualsToFirstOrder) {
  torch::manual_seed(1);
  std::vector<Linearisation> pairs;
  for (int i = 0; i < 4; ++i) {
    pairs.push_back({torch::randn({6}, torch::kDouble), torch::randn({6, 60}, torch::kDouble)});
  }
  const Tensor coefficients = 100 * torch::randn({4, 5}, torch::kDouble);
  const Tensor step = BasisStep(pairs, coefficients, 1e-9);
  for (int64_t i = 0; i < 4; ++i) {
    const Linearisation& pair = pairs[static_cast<size_t>(i)];
    const Tensor left = pair.residual + pair.jacobian.mv(coefficients[i].unsqueeze(0).mm(step)[0]);
    EXPECT_LT(left.norm().item<double>(), 1e-4 * pair.residual.norm().item<double>());
  }
  const Tensor directions = LeadingDirections(pairs, 5);
  EXPECT_EQ(directions.sizes(), (std::vector<int64_t>{5, 60}));
  EXPECT_LT((directions.mm(directions.t()) - torch::eye(5, torch::kDouble)).abs().max().item<double>(), 1e-9);
  EXPECT_LT(directions.sum(1).abs().max().item<double>(), 1e-9);
}

}  // namespace
}  // namespace kitsink::strict
