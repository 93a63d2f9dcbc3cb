// Converts frames to tensors and back, and computes the evaluator nets' inputs.

#include <cstring>

#include "kitsink/kernels.h"
#include "nets/nets_torch.h"

namespace kitsink {
namespace {

using torch::Tensor;

Tensor Bilinear(const Tensor& frames, FrameSize size) {
  namespace F = torch::nn::functional;
  return F::interpolate(frames, F::InterpolateFuncOptions()
                                    .size(std::vector<int64_t>{size.height, size.width})
                                    .mode(torch::kBilinear)
                                    .align_corners(false));
}

// Every second sample of [N, H, W] in both directions, starting at row `y` and column `x`.
Tensor EverySecond(const Tensor& plane, int64_t y, int64_t x) {
  return plane.slice(1, y, plane.size(1), 2).slice(2, x, plane.size(2), 2);
}

// Mean of each 2 x 2 square, summed in upstream's order.
Tensor MeanOfFour(const Tensor& plane) {
  return (EverySecond(plane, 0, 0) + EverySecond(plane, 1, 0) + EverySecond(plane, 0, 1) + EverySecond(plane, 1, 1)) *
         0.25;
}

// Six planes of half size: luma at the four positions of each 2 x 2 square, then the two chroma means.
Tensor Yuv6(const Tensor& small) {
  const Tensor r = small.select(1, 0), g = small.select(1, 1), b = small.select(1, 2);
  const Tensor y = (r * 0.299 + g * 0.587 + b * 0.114).clamp(0.0, 255.0);
  const Tensor u = ((b - y) / 1.772 + 128.0).clamp(0.0, 255.0);
  const Tensor v = ((r - y) / 1.402 + 128.0).clamp(0.0, 255.0);
  return torch::stack({EverySecond(y, 0, 0), EverySecond(y, 1, 0), EverySecond(y, 0, 1), EverySecond(y, 1, 1),
                       MeanOfFour(u), MeanOfFour(v)},
                      1);
}

}  // namespace

Tensor FramesToTensor(std::span<const Frame* const> frames, torch::Device device) {
  TORCH_CHECK(!frames.empty(), "no frames");
  const FrameSize size = frames[0]->size;
  Tensor bytes =
      torch::empty({static_cast<int64_t>(frames.size()), size.height, size.width, 3}, torch::dtype(torch::kUInt8));
  for (size_t i = 0; i < frames.size(); ++i) {
    TORCH_CHECK(frames[i]->size == size && frames[i]->rgb.size() == size.size_bytes(), "frames of different sizes");
    std::memcpy(bytes.data_ptr<uint8_t>() + i * size.size_bytes(), frames[i]->rgb.data(), size.size_bytes());
  }
  return bytes.to(device).permute({0, 3, 1, 2}).to(torch::kFloat32);
}

std::vector<Frame> TensorToFrames(const Tensor& frames) {
  const Tensor bytes = frames.detach().clamp(0, 255).round().to(torch::kUInt8).permute({0, 2, 3, 1}).cpu().contiguous();
  const FrameSize size{static_cast<uint32_t>(bytes.size(2)), static_cast<uint32_t>(bytes.size(1))};
  std::vector<Frame> result(static_cast<size_t>(bytes.size(0)));
  for (size_t i = 0; i < result.size(); ++i) {
    const uint8_t* begin = bytes.data_ptr<uint8_t>() + i * size.size_bytes();
    result[i] = Frame{size, std::vector<uint8_t>(begin, begin + size.size_bytes())};
  }
  return result;
}

Tensor ResizeToModelGrid(const Tensor& frames) { return Bilinear(frames, kModelGrid); }

Tensor UpsampleToFrame(const Tensor& small, FrameSize size) { return Bilinear(small, size); }

Tensor RoundSte(const Tensor& frames) {
  const Tensor clamped = frames.clamp(0, 255);
  return clamped + (clamped.round() - clamped).detach();
}

Tensor PoseInput(const Tensor& small_f0, const Tensor& small_f1) {
  return torch::cat({Yuv6(small_f0), Yuv6(small_f1)}, 1);
}

Tensor SegLogits(Nets::Modules& modules, const Tensor& small_f1) { return modules.segnet->Forward(small_f1); }

Tensor PoseOutputs(Nets::Modules& modules, const Tensor& small_f0, const Tensor& small_f1) {
  return modules.posenet->Forward(PoseInput(small_f0, small_f1)).slice(1, 0, kPoseValues);
}

NetOutputs RunNets(Nets::Modules& modules, std::span<const FramePair> pairs) {
  const torch::NoGradGuard no_grad;
  std::vector<const Frame*> f0, f1;
  for (const FramePair& pair : pairs) {
    f0.push_back(&pair.f0);
    f1.push_back(&pair.f1);
  }
  const torch::Device device = TorchDevice(modules.device);
  const Tensor small_f0 = ResizeToModelGrid(FramesToTensor(f0, device));
  const Tensor small_f1 = ResizeToModelGrid(FramesToTensor(f1, device));
  return {SegLogits(modules, small_f1), PoseOutputs(modules, small_f0, small_f1)};
}

std::vector<Observation> ToObservations(const NetOutputs& outputs) {
  const Tensor classes = outputs.logits.argmax(1).to(torch::kUInt8).flatten(1).cpu().contiguous();
  const Tensor poses = outputs.poses.cpu().contiguous();
  std::vector<Observation> observations(static_cast<size_t>(classes.size(0)));
  const auto pixels = static_cast<size_t>(classes.size(1));
  for (size_t i = 0; i < observations.size(); ++i) {
    const uint8_t* ids = classes.data_ptr<uint8_t>() + i * pixels;
    observations[i].class_map.assign(ids, ids + pixels);
    const float* pose = poses.data_ptr<float>() + i * observations[i].pose.size();
    std::copy_n(pose, observations[i].pose.size(), observations[i].pose.begin());
  }
  return observations;
}

std::vector<Frame> WriteSmall(const Tensor& small, FrameSize size) {
  if (!HasPrivateTaps(size)) return TensorToFrames(UpsampleToFrame(small, size));
  const Tensor pictures = small.detach().to(torch::kCPU).contiguous();
  const auto values = static_cast<size_t>(pictures[0].numel());
  std::vector<Frame> frames;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    frames.push_back(WritePreimage(std::span(pictures[i].data_ptr<float>(), values), size));
  }
  return frames;
}

Tensor ReadBack(const Tensor& small, FrameSize size) {
  if (HasPrivateTaps(size)) return small.clamp(0.0, 255.0);
  return ResizeToModelGrid(RoundSte(UpsampleToFrame(small, size)));
}

}  // namespace kitsink
