#pragma once
// Trains the carrier's atoms and coefficients together, by gradients, until Gauss-Newton steps of single pairs can take
// over.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>

#include "kitsink/frame.h"
#include "nets/nets_torch.h"
#include "train/train.h"

namespace kitsink::strict {

// What PoseNet's other inputs and outputs are for one pair.
struct PoseView {
  torch::Tensor small_f1;  // [1, 3, H, W]
  torch::Tensor target;    // [6] float
};
using PoseViews = std::function<PoseView(size_t pair)>;

struct CarrierTraining {
  std::string stage;
  FrameSize grid;
  double grey = 127.5;
  int64_t steps = 0;     // a pair each, in turn
  double rate = 6;       // peak, in grey levels of an atom
  int largest_code = 0;  // the atoms are rounded to codes in the forward pass; 0: they are not
  bool train_coefficients = true;
};

// f0 of pair i is grey plus the sum of coefficients[i][k] * (atom k less its mean). Any number of pairs.
struct RealCarrier {
  torch::Tensor atoms;         // [A, 3 * grid] float, grey levels
  torch::Tensor coefficients;  // [N, A] float, about 1
};

// [A, 3 * grid]: each atom rounded to codes up to `largest_code` of a seventh, a fifteenth, ... of its largest value.
torch::Tensor RoundToCodes(const torch::Tensor& atoms, int largest_code);

// Lowers the mean of the pairs' bent pose errors (train/pose_error.h). A coefficient's rate is a thirtieth of an
// atom's.
Result<RealCarrier> TrainCarrier(const RealCarrier& start, const CarrierTraining& training, const PoseViews& view,
                                 Nets::Modules& modules, const Checkpoint& checkpoint, Progress& progress);

}  // namespace kitsink::strict
