// Sets up the training loop for a stand-in net.

#include "train_standin/loop.h"

#include "kitsink/tensors.h"
#include "nets/module_tensors.h"
#include "train/train.h"

namespace kitsink::standin {
namespace {

using torch::Tensor;

// Only the kernels of convolutions and linear layers decay; biases and norms do not.
std::vector<ParameterGroup> GroupsOf(const torch::nn::Module& module, double decay) {
  ParameterGroup kernels{{}, decay}, rest;
  for (const Tensor& p : module.parameters()) {
    (p.dim() >= 2 && p.numel() > p.size(0) ? kernels : rest).tensors.push_back(p);
  }
  return {kernels, rest};
}

}  // namespace

Status LoadInitial(FrozenNet& net, const NetOptions& options) {
  if (options.initial.empty()) return Ok();
  KIT_ASSIGN(const LoadedTensors loaded, LoadTensorFile(options.initial));
  return LoadTensors(loaded.file, net);
}

Status TrainModule(torch::nn::Module& module, const NetOptions& options, const std::function<Tensor(int64_t)>& loss_of,
                   Progress& progress) {
  for (Tensor& parameter : module.parameters()) parameter.set_requires_grad(true);
  TrainOptions loop;
  loop.steps = options.steps;
  loop.schedule = {.peak = options.rate, .first = 0.02, .floor = 0.01, .fall = Schedule::Fall::kAfterRise};
  loop.clip_norm = 2;
  TrainHooks hooks;
  hooks.loss = [&](int64_t step, int64_t) {
    torch::manual_seed((options.seed << 32) + static_cast<uint64_t>(step));
    return loss_of(step);
  };
  KIT_ASSIGN(const Checkpoint checkpoint, CheckpointInFile(options.checkpoint));
  const Trainable trainable{GroupsOf(module, options.decay), module.buffers()};
  const Result<TrainResult> trained = Train(trainable, loop, hooks, checkpoint, progress);
  if (!trained.ok()) return trained.error();
  return Ok();
}

}  // namespace kitsink::standin
