#pragma once
// The nets room's LibTorch interface, for rooms that need gradients. Frames are [N, 3, H, W] float, 0 .. 255; "small"
// frames have the size kModelGrid. Unless stated otherwise, functions keep gradients and throw what LibTorch throws:
// call them inside Guarded.

#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kitsink/frame.h"
#include "kitsink/nets.h"
#include "kitsink/result.h"

namespace kitsink {

struct TensorFile;

torch::Device TorchDevice(const Device& device);

// An evaluator net in inference mode, whose parameters have no gradients.
class FrozenNet : public torch::nn::Module {
 public:
  virtual torch::Tensor Forward(torch::Tensor input) = 0;
  // Merges batch norms and PoseNet's parallel branches into convolutions: the same function up to rounding, and faster.
  // Irreversible; the state dict no longer matches the file's.
  virtual void Fold() = 0;
};

// Widths and depths of a SegNet; they determine all inner widths.
struct SegNetShape {
  int64_t stem = 32;
  std::vector<int64_t> widths = {16, 24, 48, 88, 120, 208, 352};  // of the seven stages
  std::vector<int64_t> blocks = {2, 3, 3, 4, 4, 5, 2};
  std::vector<int64_t> decoder = {256, 128, 64, 32, 16};
  int64_t classes = kNumClasses;
};

struct PoseNetShape {
  int64_t inputs = 12;
  std::vector<int64_t> widths = {64, 128, 256, 512};  // of the four stages, each a multiple of the one before
  std::vector<int64_t> blocks = {2, 2, 6, 2};
  int64_t mlp_ratio = 3;
  int64_t final_width = 1024;  // a multiple of the last stage's width
  int64_t squeeze = 64;
  int64_t features = 2048;
  int64_t summary = 512;
  int64_t hidden = 32;
  int64_t outputs = 12;
};

// Nets with LibTorch's initial weights.
std::shared_ptr<FrozenNet> CreateSegNet(const SegNetShape& shape);
std::shared_ptr<FrozenNet> CreatePoseNet(const PoseNetShape& shape);

// Intermediate results of a PoseNet, for training one.
struct PoseTrace {
  std::vector<torch::Tensor> stages;  // outputs of the four stages, [N, width, H, W]
  torch::Tensor pooled;               // input of the linear layers, [N, final_width]
  torch::Tensor outputs;              // [N, outputs]
};
PoseTrace TracePoseNet(FrozenNet& posenet, const torch::Tensor& input);
// Recomputes `pooled` and `outputs` from the last stage.
void FinishPoseNet(FrozenNet& posenet, PoseTrace& trace);

// Makes a PoseNet merge its branches in every forward pass, with the norms' running statistics: as fast as after
// Fold(), but with gradients to every parameter and an unchanged state dict.
void MergeAlways(FrozenNet& posenet);

// The net shape that a file's tensors imply. kCorrupt when a tensor that determines it is missing or malformed.
Result<SegNetShape> ReadSegNetShape(const TensorFile& file);
Result<PoseNetShape> ReadPoseNetShape(const TensorFile& file);

// Copies a file's tensors into a module by name. Strict: kCorrupt lists missing, unexpected and misshapen tensors.
// num_batches_tracked is optional, because inference does not read it.
Status LoadTensors(const TensorFile& file, torch::nn::Module& module);

struct Nets::Modules {
  NetsInfo info;
  Device device;
  std::shared_ptr<FrozenNet> segnet;
  std::shared_ptr<FrozenNet> posenet;
};

// Frames of one size to a tensor on `device`, and back (clamped, rounded half to even). The memory order is channels
// last, as upstream's, so that sums round like upstream's.
torch::Tensor FramesToTensor(std::span<const Frame* const> frames, torch::Device device);
std::vector<Frame> TensorToFrames(const torch::Tensor& frames);

// Bilinear without antialias, align_corners off: the scorer's resize to the model grid, and enlargement from it.
torch::Tensor ResizeToModelGrid(const torch::Tensor& frames);
torch::Tensor UpsampleToFrame(const torch::Tensor& small, FrameSize size);

// Frames of `size` that the scorer's resize turns into `small`: those of WritePreimage where HasPrivateTaps(size), else
// the enlarged and rounded pictures. ReadBack is a differentiable model of their resize.
std::vector<Frame> WriteSmall(const torch::Tensor& small, FrameSize size);
torch::Tensor ReadBack(const torch::Tensor& small, FrameSize size);

// Rounds to uint8 values in the forward pass (straight-through): gradient 1 inside 0 .. 255, 0 where clamped.
torch::Tensor RoundSte(const torch::Tensor& frames);

// PoseNet's input, [N, 12, H / 2, W / 2]. Bit-exact with upstream's, but differentiable: upstream computes it without
// gradients, so a search could not use it.
torch::Tensor PoseInput(const torch::Tensor& small_f0, const torch::Tensor& small_f1);

// [N, classes, H, W]; and [N, 6], the pose outputs that the score counts.
torch::Tensor SegLogits(Nets::Modules& modules, const torch::Tensor& small_f1);
torch::Tensor PoseOutputs(Nets::Modules& modules, const torch::Tensor& small_f0, const torch::Tensor& small_f1);

// Both outputs for whole frames of one size, without gradients; and the observations that Nets::Observe() returns.
struct NetOutputs {
  torch::Tensor logits, poses;
};
NetOutputs RunNets(Nets::Modules& modules, std::span<const FramePair> pairs);
std::vector<Observation> ToObservations(const NetOutputs& outputs);

// First line of an exception's text, without LibTorch's stack trace.
std::string ExceptionText(const std::exception& exception);

// Runs `body`, which returns a Result or a Status, and turns libraries' exceptions into errors. kitsink itself throws
// nothing, so this is the only place in the engine that catches.
template <typename Body>
auto Guarded(std::string_view where, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Error{Code::kIo, std::string(where) + ": out of memory"};
  } catch (const std::exception& exception) {
    return Error{Code::kInternal, std::string(where) + ": " + ExceptionText(exception)};
  }
}

}  // namespace kitsink
