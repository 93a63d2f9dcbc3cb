#pragma once
// The tensor level of the nets room, for rooms that differentiate. Frames are [N, 3, H, W] float, 0 .. 255; "small"
// frames lie on kModelGrid. Unless said otherwise functions keep gradients, and throw what LibTorch throws: call
// them inside Guarded.

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

// One of the evaluator nets, in inference mode, its parameters without gradients.
class FrozenNet : public torch::nn::Module {
 public:
  virtual torch::Tensor Forward(torch::Tensor input) = 0;
  // Merges every batch norm, and PoseNet's parallel branches, into one convolution each: the same function up to
  // rounding, and faster. Irreversible; the state dict is no longer the file's.
  virtual void Fold() = 0;
};

// Widths of a SegNet; inner widths follow from them.
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
  int64_t final_width = 1024;  // a multiple of the last stage's
  int64_t squeeze = 64;
  int64_t features = 2048;
  int64_t summary = 512;
  int64_t hidden = 32;
  int64_t outputs = 12;
};

// Nets with arbitrary weights.
std::shared_ptr<FrozenNet> CreateSegNet(const SegNetShape& shape);
std::shared_ptr<FrozenNet> CreatePoseNet(const PoseNetShape& shape);

// For training a PoseNet: all that it computes on the way to its outputs.
struct PoseTrace {
  std::vector<torch::Tensor> stages;  // what each of the four hands on, [N, width, H, W]
  torch::Tensor pooled;               // what the convolutions hand to the linear layers, [N, final_width]
  torch::Tensor outputs;              // [N, outputs]
};
PoseTrace TracePoseNet(FrozenNet& posenet, const torch::Tensor& input);
// Computes `pooled` and `outputs` anew from the last stage.
void FinishPoseNet(FrozenNet& posenet, PoseTrace& trace);

// From now on a PoseNet merges its branches in every forward pass, norms by their running statistics: Fold()'s speed,
// with gradients to every parameter and the state dict left whole.
void MergeAlways(FrozenNet& posenet);

// The shape that a file's tensors have; kCorrupt when a tensor that decides it is missing or odd.
Result<SegNetShape> ReadSegNetShape(const TensorFile& file);
Result<PoseNetShape> ReadPoseNetShape(const TensorFile& file);

// Copies a file's tensors into a module by name. Strict: kCorrupt lists missing, unexpected and misshapen tensors.
// num_batches_tracked, which inference never reads, may be there or not.
Status LoadTensors(const TensorFile& file, torch::nn::Module& module);

struct Nets::Modules {
  NetsInfo info;
  Device device;
  std::shared_ptr<FrozenNet> segnet;
  std::shared_ptr<FrozenNet> posenet;
};

// Frames of one size to a tensor on `device`, and back (clamped, rounded half to even). In memory the channels come
// last, as upstream's do: its sums then round like upstream's.
torch::Tensor FramesToTensor(std::span<const Frame* const> frames, torch::Device device);
std::vector<Frame> TensorToFrames(const torch::Tensor& frames);

// Bilinear without antialias, align_corners off: the scorer's resize, and the way up from the model grid.
torch::Tensor ResizeToModelGrid(const torch::Tensor& frames);
torch::Tensor UpsampleToFrame(const torch::Tensor& small, FrameSize size);

// Frames of `size` that the scorer's resize turns into `small`: exact pre-images where HasPrivateTaps(size), else the
// enlarged and rounded pictures. ReadBack is what the resize will make of them, differentiable.
std::vector<Frame> WriteSmall(const torch::Tensor& small, FrameSize size);
torch::Tensor ReadBack(const torch::Tensor& small, FrameSize size);

// Rounded to uint8 values in the forward pass; gradient 1 inside 0 .. 255, 0 where clamped.
torch::Tensor RoundSte(const torch::Tensor& frames);

// What PoseNet reads, [N, 12, H / 2, W / 2]. Upstream's arithmetic to the last bit, but differentiable: upstream's
// own runs without gradients, so that a search through it never moves.
torch::Tensor PoseInput(const torch::Tensor& small_f0, const torch::Tensor& small_f1);

// [N, classes, H, W] and [N, 6], the pose outputs that count.
torch::Tensor SegLogits(Nets::Modules& modules, const torch::Tensor& small_f1);
torch::Tensor PoseOutputs(Nets::Modules& modules, const torch::Tensor& small_f0, const torch::Tensor& small_f1);

// The same of whole frames, all of one size and without gradients; and what Nets::Observe() makes of it.
struct NetOutputs {
  torch::Tensor logits, poses;
};
NetOutputs RunNets(Nets::Modules& modules, std::span<const FramePair> pairs);
std::vector<Observation> ToObservations(const NetOutputs& outputs);

// First line of a foreign exception's text, without LibTorch's stack trace.
std::string ExceptionText(const std::exception& exception);

// Runs `body`, which returns a Result or a Status, and turns foreign exceptions into errors. Ours throw nothing, so
// this is the one place of the engine that catches.
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
