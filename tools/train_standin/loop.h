#pragma once
// The optimiser's loop, with its checkpoints.

#include <torch/torch.h>

#include <functional>

#include "train_standin/trainer.h"

namespace kitsink::standin {

// Copies the tensors of options.initial, where one is named.
Status LoadInitial(FrozenNet& net, const TrainOptions& options);

// Trains every parameter of `module`. `loss_of` draws a batch for a step and gives its loss.
Status Train(torch::nn::Module& module, const TrainOptions& options,
             const std::function<torch::Tensor(int64_t)>& loss_of, Progress& progress);

}  // namespace kitsink::standin
