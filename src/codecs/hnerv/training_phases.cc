// Lists the phases of the decoder's training.

#include "codecs/hnerv/training_phases.h"

#include <algorithm>
#include <cmath>

namespace kitsink::hnerv {
namespace {

using enum SegTerm;

// Shares are epochs of 29,650. The entropy terms' weights 0.01 and 0.02 are half and all of what a byte of the
// published decoder adds to the score.
const std::vector<Phase> kPublished = {
    {.name = "cross-entropy", .share = 0.101, .rate = 1e-3},
    {.name = "softplus", .share = 0.191, .seg = kSoftplus, .first_tau = 0.3, .last_tau = 0.3, .rate = 1e-3},
    {.name = "disagreement", .share = 0.051, .seg = kDisagreement, .first_tau = 0.3, .last_tau = 0.3, .rate = 1e-4},
    {.name = "quantised",
     .share = 0.017,
     .seg = kDisagreement,
     .first_tau = 0.3,
     .last_tau = 0.3,
     .rate = 1e-4,
     .quantised = true},
    {.name = "entropy",
     .share = 0.304,
     .seg = kHardSoftplus,
     .first_tau = 0.3,
     .last_tau = 0.3,
     .rate = 3e-5,
     .quantised = true,
     .price = 0.5},
    {.name = "lambda",
     .share = 0.067,
     .seg = kHardSoftplus,
     .first_tau = 0.3,
     .last_tau = 0.3,
     .rate = 3e-5,
     .quantised = true,
     .price = 1},
    {.name = "sigma",
     .share = 0.101,
     .seg = kHardSoftplus,
     .first_tau = 0.3,
     .last_tau = 0.3,
     .rate = 3e-5,
     .quantised = true,
     .price = 1,
     .sigma = 0.1},
    {.name = "muon",
     .share = 0.168,
     .seg = kHardSoftplus,
     .first_tau = 0.3,
     .last_tau = 0.3,
     .rate = 1e-5,
     .quantised = true,
     .price = 1,
     .sigma = 0.1,
     .muon = true},
};

const std::vector<Phase> kImproved = {
    {.name = "pictures", .share = 0.25, .pictures = true, .rate = 1e-3, .last_rate = 5e-4},
    {.name = "cross-entropy", .share = 0.2, .last_tau = 0.2, .rate = 1e-3, .last_rate = 5e-4},
    {.name = "softplus",
     .share = 0.2,
     .seg = kSoftplus,
     .first_tau = 0.3,
     .last_tau = 0.2,
     .rate = 5e-4,
     .last_rate = 1e-4,
     .quantised = true,
     .price = 1},
    {.name = "disagreement",
     .share = 0.35,
     .seg = kDisagreement,
     .first_tau = 0.2,
     .last_tau = 0.05,
     .rate = 1e-4,
     .quantised = true,
     .price = 1},
};

}  // namespace

const std::vector<Phase>& PhasesOf(Recipe recipe) { return recipe == Recipe::kPublished ? kPublished : kImproved; }

double RateFor(double published, int64_t steps) {
  const double shortage = std::max(1.0, kPublishedSteps / static_cast<double>(steps));
  return std::max(published, std::min(kLargestRate, published * std::sqrt(shortage)));
}

}  // namespace kitsink::hnerv
