#pragma once
// The network that renders f1, at the size of the class map, in the row kernels (FORMAT.md, "Frames").

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs/strict/scene.h"
#include "kitsink/kernels.h"
#include "kitsink/result.h"

namespace kitsink::strict {

class Network {
 public:
  // Memory of one Run, kept between runs. Feature maps are rows of pixels, channels innermost.
  struct Workspace {
    std::vector<float> x;             // the residual stream: rows with zero margins
    std::vector<float> r;             // what a block adds to it, before normalisation: rows rounded up to 4 pixels
    std::vector<float> spare;         // per band: copies of the neighbours' rows, and the last rows of the head's input
    std::vector<double> sums;         // per row and group: sum and sum of squares of r
    std::vector<float> scale, shift;  // per channel: normalisation and modulation of r
  };

  // REQUIRES: the tensors fit the shape; no side of the map is 0.
  Network(const Renderer& renderer, FrameSize map_size, const RowKernels& kernels);

  // RGB floats 0 .. 255, interleaved, to `picture`. The bits do not depend on `threads`. Thread-safe.
  // REQUIRES: every id is below num_classes; `pair` is below num_pairs.
  void Run(std::span<const uint8_t> map, uint64_t pair, int threads, Workspace& work, float* picture) const;
  size_t WorkingBytes(int threads) const;

 private:
  struct Block {
    SeparableConv conv;
    std::vector<float> norm_weight, norm_bias;
    std::vector<float> film_weight, film_bias;  // [2 * channels][frame_dims], [2 * channels]
  };
  struct Job;  // of one Run

  int NumBands(int threads) const;
  size_t Reach(size_t stage) const;
  float* Row(Workspace& work, size_t y) const;
  size_t spare_rows() const { return 2 * margin_ + 3; }
  void Produce(const Job& job, size_t stage, size_t y, float* out) const;
  void MakeSpare(const Job& job, size_t stage, size_t band) const;
  void Sweep(const Job& job, size_t stage, size_t band) const;
  void Modulate(const Job& job, size_t block) const;

  const RowKernels* kernels_;
  size_t width_, height_, channels_, frame_dims_, num_classes_;
  size_t margin_ = 0;  // zero pixels at both ends of a row of x
  std::vector<float> frame_embed_;
  std::vector<float> table_;                       // [classes][channels]: embedding, mixed
  std::array<std::vector<float>, 4> coordinates_;  // [channels] for X, Y, X^2 and Y^2
  std::vector<float> at_, square_;                 // X and X^2 of each column
  std::vector<Block> blocks_;
  ColourConv head_;
};

}  // namespace kitsink::strict
