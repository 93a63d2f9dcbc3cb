#pragma once
// What the nets read in the frames of a pair once something that the scene stores about it has changed.

#include <cstddef>
#include <memory>
#include <span>

#include "codecs/hnerv/changes.h"
#include "codecs/hnerv/frames.h"
#include "codecs/hnerv/scene.h"
#include "kitsink/nets.h"

namespace kitsink::hnerv {

// What it finds depends on scene, pair and changes alone, not on other pairs.
class PairTester {
 public:
  // Errors as FrameRenderer::Create(). Targets and nets must outlive it.
  static Result<std::unique_ptr<PairTester>> Create(const Scene& scene, std::span<const Observation> targets,
                                                    Nets& nets, int threads);

  // Number of pairs that the scorer reads together with a pair. PoseNet's last bits depend on it, so changes are tested
  // in batches of this size; a smaller one takes as long.
  static size_t BatchOf(size_t pair, size_t num_pairs);

  // Fills in the distortion of the pair after each of the changes. `scene` may store other latents and modes than the
  // one that the tester was made of, and needs no decoder. REQUIRES: each change fits the scene.
  Status Test(const Scene& scene, size_t pair, std::span<TestedChange> changes) const;

 private:
  PairTester(std::unique_ptr<FrameRenderer> renderer, std::span<const Observation> targets, Nets& nets, int threads)
      : renderer_(std::move(renderer)), targets_(targets), nets_(nets), threads_(threads) {}
  FramePair Render(const Scene& scene, size_t pair, const Change& change) const;

  std::unique_ptr<FrameRenderer> renderer_;
  std::span<const Observation> targets_;
  Nets& nets_;
  int threads_;
};

}  // namespace kitsink::hnerv
