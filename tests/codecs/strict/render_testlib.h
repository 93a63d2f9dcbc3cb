#pragma once
// Frames of small scenes of codec strict.

#include "codecs/strict/render.h"
#include "codecs/strict/scene_testlib.h"

namespace kitsink::testing {

// f0 and f1 of all pairs, one after the other.
inline Result<Bytes> RenderFrames(const strict::Scene& scene, const RowKernels& kernels, int threads) {
  KIT_ASSIGN(const std::unique_ptr<strict::FrameRenderer> renderer, strict::FrameRenderer::Create(scene, kernels));
  Bytes all;
  for (uint64_t pair = 0; pair < scene.mask.count; ++pair) {
    const FramePair frames = renderer->Render(pair, threads);
    all.insert(all.end(), frames.f0.rgb.begin(), frames.f0.rgb.end());
    all.insert(all.end(), frames.f1.rgb.begin(), frames.f1.rgb.end());
  }
  return all;
}

}  // namespace kitsink::testing
