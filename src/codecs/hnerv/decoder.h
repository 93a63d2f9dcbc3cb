#pragma once
// The network that renders both pictures of a pair from its latent vector, in the plane kernels.

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "codecs/hnerv/scene.h"
#include "kitsink/frame.h"
#include "kitsink/plane_kernels.h"
#include "kitsink/result.h"

namespace kitsink::hnerv {

class Decoder {
 public:
  // Memory of one Render, kept between them. It serves one decoder only.
  using Workspace = std::vector<float>;

  // `tensors` are dequantised values in the order of the state dict: stem, blocks, skips of the stages whose two counts
  // differ, refine.0, refine.1, rgb_0 and rgb_1; of each the weight (out, in, y, x), then the bias. kInvalidArgument
  // when they do not fit the shape, or a count of the shape is not in 1 .. 512, or the last one is 1.
  static Result<Decoder> Create(const DecoderShape& shape, std::span<const std::vector<float>> tensors,
                                const PlaneKernels& kernels);

  // f0 and f1, each interleaved RGB floats 0 .. 255 of kModelGrid. Thread-safe. REQUIRES: a latent value for each
  // dimension; 3 * 384 * 512 floats at each of `pictures`.
  void Render(std::span<const float> latent, Workspace& work, const std::array<float*, 2>& pictures) const;
  size_t WorkingBytes() const { return work_floats_ * sizeof(float); }

 private:
  // Rows of planes in the workspace. Row y lies in the place of row y - count.
  struct Map {
    size_t channels = 0, pixels = 0, count = 0;
    size_t offset = 0, pitch = 0;  // in floats: the first pixel of row 0, and from row to row
    float* Row(float* start, size_t y) const { return start + offset + y % count * pitch; }
  };
  struct Stage {
    PlaneConv main, skip;  // no skip convolution where both counts of channels are equal
    Map input, skipped;
    bool has_skip() const { return skip.outputs != 0; }
  };

  explicit Decoder(const PlaneKernels& kernels) : kernels_(&kernels) {}
  void Allocate(const DecoderShape& shape);
  void RunStem(std::span<const float> latent, float* start) const;
  void RunSkip(const Stage& stage, float* start) const;
  void RunRow(const Stage& stage, size_t y, const Map& output, float* start) const;
  void RunLastRows(float* start, const std::array<float*, 2>& pictures) const;
  // Rows y - reach, y and y + reach of a picture of this height.
  std::array<const float*, 3> RowsAround(const Map& map, size_t y, size_t reach, size_t height, float* start) const;

  const PlaneKernels* kernels_;
  size_t latent_dims_ = 0;
  std::vector<float> stem_weight_, stem_bias_;
  std::array<Stage, kNumStages> stages_;
  std::array<PlaneConv, 2> refine_;
  PlaneConv heads_;  // both
  // The last stage's output and what follows it take turns in few rows, so that they stay in the second-level cache.
  Map enlarged_, hidden_, change_, refined_, colours_;
  Map zeros_;  // a row beyond the picture
  size_t work_floats_ = 0;
};

}  // namespace kitsink::hnerv
