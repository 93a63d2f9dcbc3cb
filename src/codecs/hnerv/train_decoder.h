#pragma once
// The stage of compress that trains the decoder and the latents, so that the nets read the original in what inflate
// will write.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "codecs/hnerv/options.h"
#include "codecs/hnerv/scene.h"
#include "kitsink/log.h"
#include "kitsink/nets.h"
#include "kitsink/run.h"

namespace kitsink::hnerv {

// The size at which the training's first phase compares pictures.
inline constexpr FrameSize kHintSize{256, 192};

struct TrainingTargets {
  std::span<const Observation> pairs;
  // f0 and f1 of each pair as the nets read them, shrunk to kHintSize: interleaved RGB.
  std::span<const uint8_t> pictures;
};

struct DecoderTraining {
  Recipe recipe = Recipe::kImproved;
  int64_t steps = 4000;
  int64_t batch = 1;          // pairs of a step
  double score_per_byte = 0;  // what a byte of the archive costs
  uint64_t seed = 0;
  // Gets the mean seconds of a step, and returns how many of `steps` to take.
  std::function<Result<int64_t>(double seconds)> plan;
  // The score of a scene, by the bytes of its archive and the frames that inflate makes of it.
  std::function<Result<double>(const Scene& scene)> measure;
};

// The scene with the least measured score. Training starts at the scene's tensors and latents, or, where it has no
// tensors, at a random decoder of its shape. The result has neither corrections nor a selector, which the training does
// not see. Keeps the training's state in the job's folder.
// REQUIRES: targets for each of scene.latents.num_pairs pairs; steps and batch are positive.
Result<Scene> TrainDecoder(const Scene& scene, const TrainingTargets& targets, Nets& nets,
                           const DecoderTraining& training, const ResumeFolder& folder, Progress& progress);

}  // namespace kitsink::hnerv
