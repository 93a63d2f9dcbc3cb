#pragma once
// The carrier's atoms in f0: a weighted sum, enlarged (FORMAT.md, "Frames").

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/strict/scene.h"
#include "kitsink/kernels.h"

namespace kitsink::strict {

class CarrierPicture {
 public:
  // REQUIRES: the carrier's vectors have the sizes that scene.h says; no side is 0.
  CarrierPicture(const Carrier& carrier, FrameSize map_size, FrameSize frame_size, const RowKernels& kernels);

  // The frame of these weights on grey, before the selector. The bits do not depend on `threads`. Thread-safe.
  Frame Render(std::span<const int16_t> weights, int threads) const;
  // Adds the weighted atoms to a picture of the maps' size, interleaved. Thread-safe.
  void AddTo(std::span<float> picture, std::span<const int16_t> weights) const;
  // [atoms][grid height][grid width][3]: what one step of the atom's coefficient adds, in grey levels.
  std::span<const double> atoms() const { return atoms_; }

 private:
  // The weighted sum of the atoms, on the grid.
  std::vector<float> Sum(std::span<const int16_t> weights) const;

  Resizer to_map_, to_frame_;
  float grey_ = 0;
  size_t num_atoms_ = 0;
  // Resizing is linear, so the atoms are normalised and added on the grid; only the sum is resized.
  std::vector<double> atoms_;
};

// Changes a finished frame. `mode` is 0 .. 7; 0 and greater ones change nothing.
void ApplySelector(uint8_t mode, Frame& frame);

}  // namespace kitsink::strict
