#pragma once
// What an archive stores -> camera frames, without LibTorch.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "codecs/hnerv/decoder.h"
#include "codecs/hnerv/scene.h"
#include "kitsink/frame.h"
#include "kitsink/kernels.h"
#include "kitsink/plane_kernels.h"
#include "kitsink/result.h"

namespace kitsink::hnerv {

// The latent vector of a pair. A correction adds the float nearest to steps * correction_unit, with the unit taken as a
// decimal fraction of six digits, as decoders in Python compute it.
// REQUIRES: the latents' vectors have the sizes that scene.h says, `pair` is below num_pairs, a correction's dimension
// is below dims or kNone.
std::vector<float> DequantizeLatent(const Latents& latents, uint64_t pair);

// Changes a finished f0. Mode 0 changes nothing; 1 and 2 add 1 and 3 times a tile of 8 x 8 signs to red and subtract it
// from blue; 3 to 14 add a constant to each colour; 15 moves the rows down by one, the last to the top. Values stay in
// 0 .. 255. REQUIRES: mode < kNumSelectorModes.
void ApplySelector(uint8_t mode, Frame& frame);

// Renders pairs of one clip, each with the same bytes on every machine and for any number of calls at once.
class FrameRenderer {
 public:
  // kInvalidArgument when the scene's parts do not fit each other. The scene is not needed afterwards.
  static Result<std::unique_ptr<FrameRenderer>> Create(const Scene& scene,
                                                       const PlaneKernels& planes = FastPlaneKernels(),
                                                       const RowKernels& rows = FastRowKernels());

  // Thread-safe. REQUIRES: `pair` is in the scene.
  FramePair Render(uint64_t pair) const;
  // With values other than the scene's. REQUIRES: a value for each dimension; mode < kNumSelectorModes.
  FramePair Render(std::span<const float> latent, uint8_t mode) const;

  uint64_t num_pairs() const { return latents_.num_pairs; }
  // Memory of one call of Render. The renderer keeps as much for each of the most calls that ran at once.
  size_t WorkingBytes() const;

 private:
  struct Workspace {
    Decoder::Workspace decoder;
    std::array<std::vector<float>, 2> pictures;
  };
  FrameRenderer(const Scene& scene, Decoder decoder, const RowKernels& rows);
  Frame FrameOf(std::span<const float> picture, size_t which) const;

  Decoder decoder_;
  Latents latents_;
  FrameChain chain_;
  std::array<RgbOffsets, 2> offsets_;
  std::vector<uint8_t> selector_;
  Resizer to_frame_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace kitsink::hnerv
