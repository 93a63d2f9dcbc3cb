#pragma once
// The one training loop: Adam, AdamW or Muon with a schedule, micro-batches, gradient clipping, a running average of
// the parameters, the best values seen, and checkpoints.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "kitsink/log.h"
#include "kitsink/result.h"
#include "kitsink/train.h"

namespace kitsink {

// Parameters with the same weight decay.
struct ParameterGroup {
  std::vector<torch::Tensor> tensors;  // leaves that require gradients
  double weight_decay = 0;             // not with Muon
  bool matrices = false;               // kMuon trains these tensors with Muon
  double rate = 1;                     // over the schedule's; not with Muon
};

// What a training changes. All tensors are changed in place.
struct Trainable {
  std::vector<ParameterGroup> groups;
  // State that the loss changes by itself, such as the running statistics of batch norms. Checkpoints hold it too.
  std::vector<torch::Tensor> buffers;
};

enum class OptimiserKind {
  kAdam,   // weight decay is part of the gradient
  kAdamW,  // weight decay shrinks the parameters directly
  kMuon,   // Muon for groups of matrices, AdamW for the others
};

struct TrainOptions {
  std::string stage = "train";  // the name of the stage for Progress
  int64_t steps = 1000;         // of the optimiser; 0 trains nothing
  // Parts of a step's batch. Only one part's graph is in memory at a time. The gradient is that of the mean loss.
  int64_t micro_batches = 1;
  Schedule schedule;
  OptimiserKind optimiser = OptimiserKind::kAdamW;
  double beta1 = 0.9, beta2 = 0.999;
  double muon_beta = 0.95, muon_rate = 10;  // Muon's momentum, and its rate over the schedule's
  double clip_norm = 0;                     // longer gradients, over all parameters, are shortened to this; 0 = never
  // The average follows the parameters with min(ema_decay, (s + 1) / (s + 10)) in step s; 0 = no average.
  double ema_decay = 0;
  // `evaluate` is called after every evaluate_every steps, but not before evaluate_from steps are done; and after the
  // last step. 0 = only after the last.
  int64_t evaluate_every = 0;
  int64_t evaluate_from = 0;
};

struct TrainHooks {
  // The mean loss, a scalar, of one micro-batch. It must depend on nothing but the step (from 0), the micro-batch
  // (0 .. micro_batches - 1), the parameters and the buffers; then a resumed training gives the same result. In a crew
  // it must leave the buffers to learn().
  std::function<torch::Tensor(int64_t step, int64_t micro_batch)> loss;
  // Optional. What the last micro-batch's loss leaves for learn(), which gets those of a whole step, one after the
  // other.
  std::function<std::vector<double>()> notes;
  std::function<void(int64_t step, const std::vector<double>& notes)> learn;
  // Optional. The score of values in the order of the groups; less is better, and what is not finite is worst. It runs
  // without gradients. It sees the average if there is one, else the parameters; after the last step it sees both.
  std::function<Result<double>(const std::vector<torch::Tensor>& values)> evaluate;
};

struct TrainResult {
  // Values of the lowest score, in the order of the groups. Without `evaluate`: the average if there is one, else the
  // parameters. The values before the first step if no score was finite, or no step was asked for.
  std::vector<torch::Tensor> best;
  double best_score = std::numeric_limits<double>::infinity();
};

// Runs the steps that checkpoint.saved has not done yet. The processes of checkpoint.crew share the micro-batches of
// each step out, and add their gradients up in the order of the micro-batches, as one process does. All end with the
// values of process 0. Progress gets the running mean of the loss as its note.
// Errors: kInterrupted after a stop request, with the state saved if `save` is there; kInternal when a loss or the
// norm of a clipped gradient is not finite, with the parameters as before that step; kCorrupt when checkpoint.saved is
// of another training; what the hooks and `save` return. Throws what LibTorch throws: call it inside Guarded.
Result<TrainResult> Train(const Trainable& trainable, const TrainOptions& options, const TrainHooks& hooks,
                          const Checkpoint& checkpoint, Progress& progress);

}  // namespace kitsink
