#pragma once
// What the trainings of both nets share: the start, the options of the loop and its checkpoint.

#include <torch/torch.h>

#include <functional>

#include "train_standin/trainer.h"

namespace kitsink::standin {

// Copies the tensors of options.initial into the net; does nothing when that is empty.
Status LoadInitial(FrozenNet& net, const NetOptions& options);

// Trains every parameter of `module`. `loss_of` draws the batch of a step from LibTorch's default generator, which is
// seeded anew before each step, and gives its loss.
Status TrainModule(torch::nn::Module& module, const NetOptions& options,
                   const std::function<torch::Tensor(int64_t)>& loss_of, Progress& progress);

}  // namespace kitsink::standin
