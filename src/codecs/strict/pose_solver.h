#pragma once
// Solves a pair's coefficients: the integers whose f0 makes PoseNet read the target pose.

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "codecs/strict/carrier.h"
#include "codecs/strict/render.h"
#include "codecs/strict/scene.h"
#include "kitsink/bytes.h"
#include "kitsink/nets.h"

namespace kitsink::strict {

using Coefficients = std::vector<int16_t>;  // Carrier::num_terms() of them

// What PoseNet reads near a pair's f0.
struct Linearisation {
  torch::Tensor residual;  // [6] double: read minus target
  torch::Tensor jacobian;  // [6, 3 * grid height * grid width] double: by the grey levels of the grid's pixels
};

// As 32-bit floats; `grid` is the number of the Jacobian's columns.
void PackLinearisation(const Linearisation& linear, ByteWriter& writer);
Linearisation UnpackLinearisation(ByteReader& reader, int64_t grid);

struct SolvedPair {
  Coefficients coefficients;
  double error = 0;  // mean squared pose error of the written frame
};

struct PairSolveOptions {
  int iterations = 8;  // Gauss-Newton steps at most
  int polish = 0;      // rounds of single-coordinate moves at most
};
inline constexpr PairSolveOptions kShortest{.iterations = 1};  // after the time limit

// One pair, with its f1 fixed. Functions throw what LibTorch throws.
class PairSolver {
 public:
  virtual ~PairSolver() = default;

  // The mean squared pose error of each candidate's frame: rendered to bytes, read by the scorer's resize and PoseNet.
  std::vector<double> Errors(std::span<const Coefficients> candidates) const;
  // Takes the best of Next(), measured, while that improves; then single moves of the coefficients. Never worse than
  // `start`.
  SolvedPair Solve(const Coefficients& start, const PairSolveOptions& options) const;
  // The selector's mode that lowers the error most, by more than `least_gain`; else 0. Updates the error.
  // REQUIRES: the pair has no mode yet.
  uint8_t BestMode(SolvedPair& pair, double least_gain) const;

 protected:
  // `modules` must outlive the solver. `mode` is the pair's selector.
  PairSolver(const Frame& f1, std::array<float, kPoseValues> target, uint8_t mode, Nets::Modules& modules);
  // Before the selector.
  virtual Frame RenderF0(const Coefficients& coefficients) const = 0;
  // Coefficients after Gauss-Newton steps from here, of several dampings and lengths.
  virtual std::vector<Coefficients> Next(const Coefficients& at) const = 0;
  // The candidates that are worth a frame.
  virtual std::vector<Coefficients> Promising(std::vector<Coefficients> candidates) const { return candidates; }

  std::vector<Frame> Render(std::span<const Coefficients> candidates) const;
  // The Jacobian by the pixels of a grid that is enlarged by these weights (CubicWeights) and added to f0 [1, 3, H, W].
  Linearisation LineariseAt(const torch::Tensor& small_f0, const torch::Tensor& rows,
                            const torch::Tensor& columns) const;
  // What PoseNet reads, [N, 6] double on the CPU, of f0s [N, 3, H, W] on kModelGrid.
  torch::Tensor Read(const torch::Tensor& small_f0) const;

  Nets::Modules& modules_;
  torch::Device device_;
  torch::Tensor small_f1_;                   // [1, 3, H, W]
  torch::Tensor target_;                     // [6] double
  std::vector<int> moves_ = {-2, -1, 1, 2};  // of a single coefficient, that Solve() tries

 private:
  std::vector<double> ErrorsOf(std::span<const Frame> frames) const;
  bool TakeBest(std::vector<Coefficients> candidates, SolvedPair& best) const;
  uint8_t mode_;
};

// f0 is a sum of atoms.
class AtomSolver : public PairSolver {
 public:
  // `picture` must outlive the solver.
  AtomSolver(const CarrierPicture& picture, FrameSize grid, const Frame& f1, std::array<float, kPoseValues> target,
             uint8_t mode, Nets::Modules& modules);
  Linearisation Linearise(const Coefficients& at) const;
  // From barely damped to such as follow the output that moves most, of least picture norm: [steps, atoms] double.
  torch::Tensor Steps(const Linearisation& linear) const;

 private:
  Frame RenderF0(const Coefficients& coefficients) const override;
  std::vector<Coefficients> Next(const Coefficients& at) const override;

  const CarrierPicture& picture_;
  torch::Tensor atoms_;           // [atoms, 3 * grid] double, grey levels of a code
  torch::Tensor rows_, columns_;  // [H, grid height], [W, grid width]: the bicubic enlargement
};

// f0 is f1's picture under a motion, with atoms added where the renderer's scene has them.
class MotionSolver : public PairSolver {
 public:
  // `renderer` must outlive the solver. REQUIRES: the picture, of kModelGrid, is f1's.
  MotionSolver(const FrameRenderer& renderer, std::vector<float> picture, std::array<float, kPoseValues> target,
               uint8_t mode, Nets::Modules& modules);
  // The best of some hundred zooms and shifts. REQUIRES: no atoms.
  Coefficients Start() const;
  // By the grid's pixels, added to the moved picture.
  Linearisation Linearise(const Coefficients& at, FrameSize grid) const;

 private:
  Frame RenderF0(const Coefficients& coefficients) const override;
  std::vector<Coefficients> Next(const Coefficients& at) const override;
  // [6, terms]: what a code of each coefficient changes, by differences.
  torch::Tensor Jacobian(const Coefficients& at) const;
  // The best by ReadMoved(), which takes half the time of Errors().
  std::vector<Coefficients> Promising(std::vector<Coefficients> candidates) const override;
  // [N, 3, H, W]: f0s before they are written, on kModelGrid.
  torch::Tensor MovedPictures(std::span<const Coefficients> candidates) const;
  // What PoseNet reads if the frame gives the nets the moved picture itself: [N, 6].
  torch::Tensor ReadMoved(std::span<const Coefficients> candidates) const;

  const FrameRenderer& renderer_;
  std::vector<float> picture_;
};

// The solver of one of the scene's pairs, with f1 from this map. `scene` and `renderer`, which is of that scene, must
// outlive it.
std::unique_ptr<PairSolver> MakePairSolver(const Scene& scene, const FrameRenderer& renderer,
                                           std::span<const uint8_t> map, size_t pair,
                                           const std::array<float, kPoseValues>& target, Nets::Modules& modules);

// The weights of a bicubic enlargement along one axis, [target, source].
torch::Tensor CubicWeights(int64_t source, int64_t target);

// [A, 3 * rows * columns] double: what one step of each coefficient adds, planes of red, green and blue.
torch::Tensor AtomsOf(const CarrierPicture& picture, FrameSize grid);

}  // namespace kitsink::strict
