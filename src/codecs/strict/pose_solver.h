#pragma once
// Solves a pair's coefficients: the integers whose f0 makes PoseNet read the target pose.

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs/strict/carrier.h"
#include "codecs/strict/scene.h"
#include "kitsink/nets.h"

namespace kitsink::strict {

using Coefficients = std::vector<int16_t>;  // one for each atom

// What PoseNet reads near a pair's f0.
struct Linearisation {
  torch::Tensor residual;  // [6] double: read minus target
  torch::Tensor jacobian;  // [6, 3 * grid height * grid width] double: by the grey levels of the grid's pixels
};

struct SolvedPair {
  Coefficients coefficients;
  double error = 0;  // mean squared pose error of the written frame
};

struct PairSolveOptions {
  int iterations = 8;  // Gauss-Newton steps at most
  int polish = 0;      // rounds of single-coordinate moves at most
};

// One pair, with its f1 fixed. Functions throw what LibTorch throws.
class PairSolver {
 public:
  // All arguments must outlive the solver. `mode` is the pair's selector.
  PairSolver(const CarrierPicture& picture, FrameSize grid, const Frame& f1, std::array<float, kPoseValues> target,
             uint8_t mode, Nets::Modules& modules);

  // The mean squared pose error of each candidate's frame: rendered to bytes, read by the scorer's resize and PoseNet.
  std::vector<double> Errors(std::span<const Coefficients> candidates) const;
  Linearisation Linearise(const Coefficients& at) const;
  // Changes of the coefficients, in codes: Gauss-Newton steps of least picture norm, from barely damped to such as
  // follow the output that a picture moves most. [steps, atoms] double.
  torch::Tensor Steps(const Linearisation& linear) const;
  // Takes the best of Steps() at three lengths, rounded to integers and measured, while that improves; then single
  // moves of 1 and 2 codes. Never worse than `start`.
  SolvedPair Solve(const Coefficients& start, const PairSolveOptions& options) const;
  // The selector's mode that lowers the error most, by more than `least_gain`; else 0. Updates the error.
  // REQUIRES: the pair has no mode yet.
  uint8_t BestMode(SolvedPair& pair, double least_gain) const;

 private:
  std::vector<Frame> Render(std::span<const Coefficients> candidates) const;
  std::vector<double> ErrorsOf(std::span<const Frame> frames) const;
  bool TakeBest(std::span<const Coefficients> candidates, SolvedPair& best) const;

  const CarrierPicture& picture_;
  uint8_t mode_;
  Nets::Modules& modules_;
  torch::Device device_;
  torch::Tensor small_f1_;        // [1, 3, H, W]
  torch::Tensor target_;          // [6] double
  torch::Tensor atoms_;           // [atoms, 3 * grid] double, grey levels of a code
  torch::Tensor rows_, columns_;  // [H, grid height], [W, grid width]: the bicubic enlargement
};

// The weights of a bicubic enlargement along one axis, [target, source].
torch::Tensor CubicWeights(int64_t source, int64_t target);

// [A, 3 * rows * columns] double: what one step of each coefficient adds, planes of red, green and blue.
torch::Tensor AtomsOf(const CarrierPicture& picture, FrameSize grid);

}  // namespace kitsink::strict
