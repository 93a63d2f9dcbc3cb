// Runs what computes on tensors on LibTorch's meta device, which has shapes and no values: a constant or a target that was
// left on the CPU fails there as it would on a GPU.

#include <gtest/gtest.h>

#include "codecs/hnerv/decoder_losses.h"
#include "codecs/hnerv/decoder_torch.h"
#include "codecs/search/generator.h"
#include "codecs/search/generator_weights.h"
#include "codecs/strict/network_torch.h"
#include "codecs/strict/seg_loss.h"
#include "codecs/strict/train_renderer.h"
#include "nets/nets_torch.h"

namespace kitsink {
namespace {

using torch::Tensor;
using torch::indexing::Slice;

const torch::Device kMeta(torch::kMeta);

// The gradients of a loss arrive at tensors of the same device.
void ExpectTrainsOnMeta(const Tensor& loss, std::span<const Tensor> leaves) {
  ASSERT_TRUE(loss.is_meta());
  loss.backward();
  for (const Tensor& leaf : leaves) {
    ASSERT_TRUE(leaf.grad().defined());
    EXPECT_TRUE(leaf.grad().is_meta());
  }
}

Tensor Leaf(at::IntArrayRef sizes) { return torch::zeros(sizes, torch::dtype(torch::kFloat32).device(kMeta)).requires_grad_(true); }

Tensor Ids() { return torch::zeros({1, kModelGrid.height, kModelGrid.width}, torch::dtype(torch::kLong).device(kMeta)); }

TEST(MetaDevice, FindsATensorThatWasLeftOnTheCpu) {
  const Tensor there = Leaf({1, 3, 4, 4});
  EXPECT_TRUE((there * torch::ones({3, 1, 1}, kMeta)).is_meta());
  EXPECT_THROW(there * torch::ones({3, 1, 1}), c10::Error);
  EXPECT_THROW(torch::cat({there, torch::ones({1, 3, 4, 4})}), c10::Error);
}

TEST(MetaDevice, NetsReadFramesThere) {
  const Frame frame{kContestFrameSize, std::vector<uint8_t>(kContestFrameSize.size_bytes())};
  const Frame* const frames[] = {&frame};
  for (const bool folded : {false, true}) {
    Nets::Modules modules{{}, {}, CreateSegNet(SegNetShape{}), CreatePoseNet(PoseNetShape{})};
    for (const auto& net : {modules.segnet, modules.posenet}) {
      if (folded) net->Fold();
      net->eval();
      net->to(kMeta);
    }
    const Tensor camera = FramesToTensor(frames, kMeta).requires_grad_(true);
    const Tensor small = ResizeToModelGrid(RoundSte(camera));
    ExpectTrainsOnMeta(SegLogits(modules, small).sum() + PoseOutputs(modules, small, small).sum(), {&camera, 1});
  }
}

TEST(MetaDevice, GeneratorOfSearchRendersThere) {
  const search::GeneratorShape shape{5, 6, 8, 8, 8, 8, 6};
  std::vector<Tensor> values;
  for (const TensorSpec& spec : search::GeneratorTensors(shape)) {
    values.push_back(Leaf(std::vector<int64_t>(spec.shape.begin(), spec.shape.end())));
  }
  const auto [f0, f1] = search::GeneratorForward(shape, values, Ids(), torch::zeros({1, 6}, kMeta));
  ExpectTrainsOnMeta((ReadBack(f0, kContestFrameSize) + ReadBack(f1, {320, 240})).sum(), values);
}

TEST(MetaDevice, RendererOfStrictTrainsThere) {
  const strict::RendererShape shape{5, 3, 16, 4, {1, 2}};
  strict::RendererTraining training;
  for (const double share : {0.1, 0.6, 0.9}) {  // cross-entropy, hinge, expected flips
    const std::vector<Tensor> values = strict::StartValues(shape, strict::ClassColours{}, 7, kMeta);
    const Tensor pairs = torch::zeros({1}, torch::dtype(torch::kLong).device(kMeta));
    const Tensor picture = strict::RenderPicture(shape, values, Ids(), pairs);
    const Tensor read = strict::ReadPicture(picture, share > 0.5, kContestFrameSize);
    const Tensor logits = torch::cat({read, read.index({Slice(), Slice(0, 2)})}, 1);
    ExpectTrainsOnMeta(strict::SegLoss(training, logits, Ids(), share), values);
  }
}

TEST(MetaDevice, DecoderOfHnervTrainsThere) {
  const hnerv::DecoderShape shape{4, {12, 12, 10, 10, 8, 6, 7}};
  for (const hnerv::SegTerm term : {hnerv::SegTerm::kCrossEntropy, hnerv::SegTerm::kSoftplus,
                                    hnerv::SegTerm::kDisagreement, hnerv::SegTerm::kHardSoftplus}) {
    const std::vector<Tensor> values = hnerv::StartValues(shape, 7, kMeta);
    const Tensor pictures = hnerv::RenderPictures(shape, values, Leaf({1, 4}));
    const Tensor poses = pictures.mean({2, 3});
    Tensor loss = hnerv::SegLoss(term, 0.5, pictures.index({Slice(), Slice(0, 5)}), Ids()) +
                  hnerv::BatchPoseTerm(poses, torch::zeros({1, 6}, kMeta));
    const Tensor step = Leaf({});
    for (const Tensor& value : values) {
      loss = loss + hnerv::LaplaceBits(value, step) + hnerv::SoftEntropy(value, 0.5, 1);
    }
    ExpectTrainsOnMeta(loss, values);
  }
}

}  // namespace
}  // namespace kitsink
