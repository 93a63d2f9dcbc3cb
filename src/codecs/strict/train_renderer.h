#pragma once
// The second stage of compress: trains the renderer so that SegNet reads the target maps in f1.

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "codecs/strict/observe.h"
#include "codecs/strict/options.h"
#include "codecs/strict/scene.h"
#include "kitsink/log.h"
#include "kitsink/nets.h"
#include "kitsink/train.h"

namespace kitsink::strict {

struct RendererTraining {
  std::string name = "renderer";  // of the stage, for progress
  int64_t steps = 4000;
  uint32_t batch = 1;           // pairs of a step
  double learning_rate = 1e-2;  // peak
  RendererOptimiser optimiser = RendererOptimiser::kAdamW;
  // Shares of the steps: until when the loss is cross-entropy, and until when the hinge; expected flips follow.
  double cross_entropy_until = 0.3, hinge_until = 0.6;
  double quantise_from = 0.3;  // share of the steps after which the forward pass takes quantised weights
  double ema_decay = 0.995;
  uint64_t seed = 0;
  // Gets the seconds of a step, and returns how many of `steps` to take.
  std::function<Result<int64_t>(double seconds)> plan;
};

// The renderer with the fewest wrong classes over (at most 64, evenly spaced) pairs of the clip, each rendered by
// FrameRenderer and read by SegNet. Training starts at scene.renderer, or, where that has no tensors, at a renderer of
// its shape that paints classes in these colours. `classes` are the maps that SegNet shall read. The scene's other
// parts must be whole.
Result<Renderer> TrainRenderer(const Scene& scene, const MaskClip& classes, const ClassColours& colours, Nets& nets,
                               const RendererTraining& training, int threads, const Checkpoint& checkpoint,
                               Progress& progress);

}  // namespace kitsink::strict
