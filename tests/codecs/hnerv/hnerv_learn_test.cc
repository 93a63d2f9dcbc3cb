// Tests how codec hnerv learns: the decoder in LibTorch, its quantisation, its losses and a training.

#include <torch/torch.h>

#include <cmath>
#include <filesystem>

#include "codecs/hnerv/decoder_losses.h"
#include "codecs/hnerv/decoder_torch.h"
#include "codecs/hnerv/frames_testlib.h"
#include "codecs/hnerv/quantise.h"
#include "codecs/hnerv/train_decoder.h"
#include "codecs/hnerv/training_phases.h"
#include "kitsink/contest.h"
#include "kitsink/score.h"
#include "nets/nets_torch.h"
#include "testlib.h"

namespace kitsink::hnerv {
namespace {

using testing::kSmallShape;
using testing::Must;
using torch::Tensor;

// Interleaved RGB as planes.
Tensor PlanesOfPicture(const std::vector<float>& picture) {
  return torch::tensor(picture).view({kModelGrid.height, kModelGrid.width, 3}).permute({2, 0, 1});
}

// The pictures that training sees are those that inflate renders.
TEST(RenderPictures, AreThePicturesOfTheKernels) {
  const torch::NoGradGuard no_grad;
  for (const DecoderShape& shape : {kSmallShape, DecoderShape{4, {12, 12, 10, 10, 8, 6, 7}}, DecoderShape()}) {
    Scene scene = testing::SmallClip(shape, {640, 480}, 3, 5);
    const std::vector<Tensor> start = StartValues(shape, 5, torch::kCPU);
    std::vector<std::vector<float>> tensors;
    for (size_t i = 0; i < start.size(); ++i) {
      Int8Tensor& tensor = scene.tensors[i];
      tensor = StoreTensor(2 * start[i], LargestStep(2 * start[i]).item<double>(), false);
      std::vector<float>& values = tensors.emplace_back();
      for (const int8_t code : tensor.codes) values.push_back(static_cast<float>(code) * tensor.scale);
    }
    const Decoder decoder = Must(Decoder::Create(shape, tensors, FastPlaneKernels()));
    const std::vector<float> latent = DequantizeLatent(scene.latents, 1);
    Decoder::Workspace work;
    std::vector<float> f0(kModelGrid.size_bytes()), f1(kModelGrid.size_bytes());
    decoder.Render(latent, work, {f0.data(), f1.data()});
    const Tensor pictures =
        RenderPictures(shape, ValuesOf(shape, scene.tensors, torch::kCPU), torch::tensor(latent).unsqueeze(0));
    const Tensor wanted = torch::cat({PlanesOfPicture(f0), PlanesOfPicture(f1)});
    EXPECT_LT((pictures[0] - wanted).abs().max().item<float>(), 1e-2F);
    EXPECT_GT(wanted.std().item<float>(), 5);
  }
}

TEST(StartValues, AreUniformUpToTheRootOfTheInputs) {
  const std::vector<Tensor> values = StartValues({}, 3, torch::kCPU);
  EXPECT_EQ(values[2].sizes(), (std::vector<int64_t>{144, 36, 3, 3}));
  for (const size_t i : {2, 3}) {  // a weight and its bias
    EXPECT_LT(values[i].abs().max().item<float>(), 1 / std::sqrt(324.0F));
    EXPECT_GT(values[i].abs().max().item<float>(), 0.95F / std::sqrt(324.0F));
    EXPECT_NEAR(values[i].mean().item<float>(), 0, 0.01);
  }
  EXPECT_TRUE(torch::equal(values[2], StartValues({}, 3, torch::kCPU)[2]));
  EXPECT_FALSE(torch::equal(values[2], StartValues({}, 4, torch::kCPU)[2]));
}

TEST(Quantised, TrainingSeesTheStoredValues) {
  torch::manual_seed(2);
  const Tensor value = torch::randn({5, 4, 3, 3}).requires_grad_(true);
  for (const bool half : {false, true}) {
    const double step = half ? 0.03125 : LargestStep(value).item<double>();
    const Int8Tensor stored = StoreTensor(value, step, half);
    const Tensor seen = Quantised(value, torch::tensor(static_cast<float>(step)));
    for (size_t i = 0; i < stored.codes.size(); ++i) {
      const float read = static_cast<float>(stored.codes[i]) * stored.scale;
      ASSERT_NEAR(seen.flatten()[static_cast<int64_t>(i)].item<float>(), read, 1e-6);
    }
    EXPECT_EQ(*std::ranges::max_element(stored.codes) == 127 || *std::ranges::min_element(stored.codes) == -127, !half);
  }
  EXPECT_EQ(StoreTensor(value, 1e-9, true).scale, 0x1p-14F);
  EXPECT_EQ(LargestStep(torch::zeros({3})).item<float>(), 1);
}

TEST(Quantised, StepsLearnFromWhatRoundingDoes) {
  const Tensor value = torch::tensor({0.3F, 1.4F, 50.0F}).requires_grad_(true);
  const Tensor step = torch::tensor(0.25F).requires_grad_(true);
  Quantised(value, step).sum().backward();
  // Codes 1 (for 1.2), 6 (for 5.6) and 127 (clamped).
  EXPECT_NEAR(step.grad().item<float>(), (1 - 1.2) + (6 - 5.6) + 127, 1e-4);
  EXPECT_TRUE(torch::equal(value.grad(), torch::tensor({1.0F, 1.0F, 0.0F})));
}

TEST(StoreLatents, AreWithinHalfAStep) {
  torch::manual_seed(1);
  const Tensor latents = torch::randn({9, 4}) * torch::tensor({1.0F, 10.0F, 0.01F, 0.0F});
  const Latents stored = StoreLatents(latents);
  EXPECT_EQ(stored.num_pairs, 9U);
  EXPECT_EQ(stored.dims, 4U);
  for (uint64_t pair = 0; pair < 9; ++pair) {
    const std::vector<float> values = DequantizeLatent(stored, pair);
    for (size_t dim = 0; dim < 4; ++dim) {
      const float wanted = latents[static_cast<int64_t>(pair)][static_cast<int64_t>(dim)].item<float>();
      EXPECT_NEAR(values[dim], wanted, 0.52F * HalfToFloat(stored.scale[dim]) + 1e-3F * std::abs(wanted));
    }
  }
}

TEST(SegLoss, TermsAtKnownMargins) {
  // Margins 2 and -1.
  const Tensor logits = torch::tensor({3.0F, 1.0F, 1.0F, 2.0F, 0.0F, 0.0F}).view({1, 3, 1, 2}).contiguous();
  const Tensor target = torch::zeros({1, 1, 2}, torch::kLong);
  const auto loss = [&](SegTerm term, double tau) { return SegLoss(term, tau, logits, target).item<double>(); };
  const auto soft = [](double margin) { return 0.3 * std::log1p(std::exp(-margin / 0.3)); };
  EXPECT_NEAR(loss(SegTerm::kCrossEntropy, 1),
              (std::log(1 + std::exp(-2) + std::exp(-3)) + std::log(1 + std::exp(1) + std::exp(-1))) / 2, 1e-6);
  EXPECT_NEAR(loss(SegTerm::kSoftplus, 0.3), (soft(2) + soft(-1)) / 2, 1e-6);
  EXPECT_NEAR(loss(SegTerm::kDisagreement, 0.3), (1 / (1 + std::exp(2 / 0.3)) + 1 / (1 + std::exp(-1 / 0.3))) / 2,
              1e-6);
  EXPECT_NEAR(loss(SegTerm::kHardSoftplus, 0.3), (soft(2) + 5 * soft(-1)) / 6, 1e-6);
}

TEST(BatchPoseTerm, IsTheScoresTermOfTheBatch) {
  const Tensor outputs = torch::tensor({1.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F}).view({1, 6});
  EXPECT_NEAR(BatchPoseTerm(outputs, torch::zeros({1, 6})).item<double>(), std::sqrt(10.0 / 6), 1e-6);
}

TEST(SoftEntropy, TwoLevelsAreABit) {
  const Tensor value = torch::tensor({127.0F, -127.0F}).repeat({40});
  EXPECT_NEAR(SoftEntropy(value, 0.1, 1).item<double>(), 1, 1e-4);
  // As many levels as values: 3 bits, and no more with a wider spread than levels are apart.
  const Tensor levels = torch::tensor({-127.0F, -90.0F, -50.0F, -10.0F, 20.0F, 60.0F, 100.0F, 127.0F});
  EXPECT_NEAR(SoftEntropy(levels, 0.1, 1).item<double>(), 3, 1e-4);
  const Tensor many = torch::linspace(-127, 127, 2550);
  EXPECT_NEAR(SoftEntropy(many, 0.2, 7).item<double>(), std::log2(255), 0.15);
}

// The model of bits is near the entropy of real codes.
TEST(LaplaceBits, AreNearTheEntropyOfCodes) {
  torch::manual_seed(4);
  const Tensor uniform = torch::rand({200000}, torch::kDouble) - 0.5;
  const Tensor value = -uniform.sign() * (1 - 2 * uniform.abs()).clamp_min(1e-12).log();  // mean magnitude 1
  for (const double step : {0.05, 0.3, 1.0, 2.0, 5.0}) {
    const Tensor counts = std::get<1>(at::_unique(((value / step).round() + 1000).to(torch::kLong), true, true));
    const Tensor shares = torch::bincount(counts).to(torch::kDouble) / value.numel();
    const double entropy = -(shares * shares.log2()).sum().item<double>();
    const double bits = LaplaceBits(value, torch::tensor(step, torch::kDouble)).item<double>() / 200000;
    EXPECT_NEAR(bits, entropy, 0.1) << step;
  }
}

TEST(TrainingPhases, CoverTheSteps) {
  for (const Recipe recipe : {Recipe::kImproved, Recipe::kPublished}) {
    double shares = 0;
    for (const Phase& phase : PhasesOf(recipe)) shares += phase.share;
    EXPECT_NEAR(shares, 1, 1e-9);
    EXPECT_TRUE(PhasesOf(recipe).back().quantised);
  }
  EXPECT_EQ(RateFor(1e-4, 1 << 22), 1e-4);
  EXPECT_NEAR(RateFor(1e-5, 22200), 1e-4, 1e-12);
  EXPECT_EQ(RateFor(1e-3, 100), kLargestRate);
}

}  // namespace
}  // namespace kitsink::hnerv
