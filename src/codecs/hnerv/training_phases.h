#pragma once
// The phases of the decoder's training.

#include <cstdint>
#include <string_view>
#include <vector>

#include "codecs/hnerv/decoder_losses.h"
#include "codecs/hnerv/options.h"

namespace kitsink::hnerv {

struct Phase {
  std::string_view name;
  double share = 0;  // of the steps; a recipe's shares add up to 1
  // The first phase of a training may compare pictures instead of what the nets read.
  bool pictures = false;
  SegTerm seg = SegTerm::kCrossEntropy;
  double first_tau = 1, last_tau = 1;  // in geometric progression
  double rate = 1e-3;                  // peak, of a training of kPublishedSteps or more
  double last_rate = 5e-6;             // at its end
  bool quantised = false;              // the forward pass takes quantised weights
  double price = 0;                    // weight of the archive's bytes, over the score's
  double sigma = 0.2;                  // of SoftEntropy
  bool muon = false;                   // for the matrices
};

inline constexpr double kPublishedSteps = 2.22e6;

const std::vector<Phase>& PhasesOf(Recipe recipe);

// A rate of the published schedule, made larger for a training of few steps: by the root of what its number of steps
// falls short, but at most to kLargestRate.
inline constexpr double kLargestRate = 1e-2;
double RateFor(double published, int64_t steps);

}  // namespace kitsink::hnerv
