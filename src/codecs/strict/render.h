#pragma once
// Scene -> camera frames, without LibTorch.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "codecs/strict/carrier.h"
#include "codecs/strict/network.h"
#include "codecs/strict/scene.h"
#include "kitsink/frame.h"
#include "kitsink/kernels.h"
#include "kitsink/result.h"

namespace kitsink::strict {

// Renders the pairs of one scene, each with the same bytes on every machine and for every number of threads.
class FrameRenderer {
 public:
  // The scene must outlive the renderer. kInvalidArgument when its parts do not fit each other.
  static Result<std::unique_ptr<FrameRenderer>> Create(const Scene& scene,
                                                       const RowKernels& kernels = FastRowKernels());

  // Thread-safe. `threads` splits the pair's pictures into bands of rows. REQUIRES: `pair` is in the scene.
  FramePair Render(uint64_t pair, int threads) const;
  // Its parts, with values other than the scene's. REQUIRES: the map has the scene's size and ids below its number of
  // classes; a coefficient for each of Carrier::num_terms().
  Frame RenderF1(std::span<const uint8_t> map, uint64_t pair, int threads) const;
  // The network's picture, interleaved RGB 0 .. 255 of the maps' size, and f1 from it.
  std::vector<float> RenderPicture(std::span<const uint8_t> map, uint64_t pair, int threads) const;
  Frame WriteFrame(std::span<const float> picture, int threads) const;
  // `picture` is f1's; only a carrier that moves reads it.
  Frame RenderF0(std::span<const float> picture, std::span<const int16_t> coefficients, uint8_t mode,
                 int threads) const;

  // f0's picture before it is written, of a carrier that moves. REQUIRES: as RenderF0.
  std::vector<float> MovedPicture(std::span<const float> picture, std::span<const int16_t> coefficients) const;

  const CarrierPicture& carrier() const { return carrier_; }

  // Memory of one call of Render. The renderer keeps as much for each of the most calls that ran at once.
  size_t WorkingBytes(int threads) const;

 private:
  FrameRenderer(const Scene& scene, const RowKernels& kernels);

  const Scene& scene_;
  CarrierPicture carrier_;
  Network network_;
  Resizer to_frame_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Network::Workspace>> idle_;
};

}  // namespace kitsink::strict
