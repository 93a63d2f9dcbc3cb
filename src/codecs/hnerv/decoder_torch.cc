// Computes the network that renders both pictures of a pair with LibTorch, and its first values.

#include "codecs/hnerv/decoder_torch.h"

#include <cmath>

#include "codecs/hnerv/decoder_section.h"
#include "nets/nets_torch.h"
#include "train/random.h"
#include "train/value_walk.h"

namespace kitsink::hnerv {
namespace {

using torch::Tensor;

constexpr double kRefineGain = 0.1;

bool IsBias(const DecoderTensor& tensor) { return tensor.name.ends_with(".bias"); }

std::vector<int64_t> SizesOf(const DecoderTensor& tensor) {
  const Int8Layout& layout = tensor.layout;
  if (IsBias(tensor)) return {layout.rows};
  if (layout.grid_height > 0) return {layout.rows, layout.columns};
  return {layout.rows, layout.columns, layout.kernel_height, layout.kernel_width};
}

Tensor Enlarged(const Tensor& x) {
  return torch::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, /*align_corners=*/false);
}

}  // namespace

std::vector<Tensor> StartValues(const DecoderShape& shape, uint64_t seed, torch::Device device) {
  SeededRandom random(seed ^ 0x6465636f646572U);
  std::vector<Tensor> values;
  float bound = 0;
  for (const DecoderTensor& tensor : DecoderTensors(shape)) {
    const Int8Layout& layout = tensor.layout;
    // A bias follows its weight and has the same inputs.
    if (!IsBias(tensor)) bound = 1 / std::sqrt(static_cast<float>(layout.num_codes() / layout.rows));
    std::vector<float> start(layout.num_codes());
    for (float& value : start) value = bound * random.Signed();
    values.push_back(torch::tensor(start).view(SizesOf(tensor)).to(device));
  }
  return values;
}

std::vector<Tensor> ValuesOf(const DecoderShape& shape, std::span<const Int8Tensor> tensors, torch::Device device) {
  const std::vector<DecoderTensor> all = DecoderTensors(shape);
  TORCH_CHECK(tensors.size() == all.size(), "the decoder has ", all.size(), " tensors, got ", tensors.size());
  std::vector<Tensor> values;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::vector<float> codes(tensors[i].codes.begin(), tensors[i].codes.end());
    values.push_back((torch::tensor(codes) * tensors[i].scale).view(SizesOf(all[i])).to(device));
  }
  return values;
}

Tensor RenderPictures(const DecoderShape& shape, std::span<const Tensor> values, const Tensor& latents) {
  constexpr size_t kFirstSkip = 2 + 2 * kNumStages;
  TORCH_CHECK(values.size() > kFirstSkip, "the decoder needs more tensors than the ", values.size(), " given");
  ValueWalk blocks(values.first(kFirstSkip), "decoder"), rest(values.subspan(kFirstSkip), "decoder");
  const Tensor& stem = blocks.Next();
  Tensor x = torch::linear(latents, stem, blocks.Next()).sin();
  x = x.view({latents.size(0), shape.channels[0], kStemHeight, kStemWidth});
  for (size_t i = 0; i < kNumStages; ++i) {
    Tensor skip = x;
    if (shape.channels[i] != shape.channels[i + 1]) {
      const Tensor& weight = rest.Next();
      skip = torch::conv2d(x, weight, rest.Next());
    }
    const Tensor& weight = blocks.Next();
    x = torch::pixel_shuffle(torch::conv2d(x, weight, blocks.Next(), 1, 1), 2);
    x = (x + Enlarged(skip)).sin();
  }
  const Tensor& hide = rest.Next();
  Tensor change = torch::conv2d(x, hide, rest.Next(), 1, 2, 2);
  const Tensor& refine = rest.Next();
  change = torch::conv2d(change, refine, rest.Next(), 1, 1);
  x = x + kRefineGain * change.sin();
  const Tensor& head0 = rest.Next();
  const Tensor& bias0 = rest.Next();
  const Tensor& head1 = rest.Next();
  const Tensor& bias1 = rest.Next();
  TORCH_CHECK(rest.done(), "the decoder has fewer tensors than the ", values.size(), " given");
  return 255 * torch::sigmoid(torch::conv2d(x, torch::cat({head0, head1}), torch::cat({bias0, bias1}), 1, 1));
}

Tensor ReadPictures(const Scene& scene, const Tensor& pictures) {
  if (scene.chain == FrameChain::kPreimage) return pictures;
  std::vector<float> offsets;
  for (const auto& colours : scene.offsets) offsets.insert(offsets.end(), colours.begin(), colours.end());
  const FrameSize size = scene.frame_size;
  const Tensor frames = torch::upsample_bicubic2d(pictures, {size.height, size.width}, /*align_corners=*/false);
  return ResizeToModelGrid(RoundSte(frames + torch::tensor(offsets).view({1, 6, 1, 1}).to(pictures.device())));
}

}  // namespace kitsink::hnerv
