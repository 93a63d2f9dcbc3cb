#pragma once
// Training of the generator on one clip, at compress.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "codecs/search/generator_weights.h"
#include "kitsink/bytes.h"
#include "kitsink/frame.h"
#include "kitsink/log.h"
#include "kitsink/mask.h"
#include "kitsink/nets.h"
#include "kitsink/pose.h"
#include "kitsink/result.h"
#include "kitsink/train.h"

namespace kitsink::search {

// How the generator is trained on a clip.
struct FitOptions {
  GeneratorShape shape;
  uint32_t steps = 1000;        // optimiser steps; 0 keeps the initial weights
  uint32_t batch_size = 2;      // pairs per step
  double learning_rate = 4e-3;  // peak, after warm-up; cosine to zero
  double qat_from = 0.4;        // share of the steps after which weights are FP4 in the forward pass
  double pose_weight = 30;      // of the search's pose error, relative to terms like 100 * seg
  double error_boost = 9;       // extra weight of wrongly classified pixels
  double ema_decay = 0.99;
  uint64_t seed = 0;
};

// The nets' outputs for one pair of the original: the scene's targets and the fit's teacher.
struct TeacherReading {
  Observation observation;
  std::vector<uint16_t> logits;  // SegNet's on f1, half precision: 2 MB
};
Result<std::vector<TeacherReading>> ReadTeacher(Nets& nets, std::span<const FramePair> pairs);

// State of an unfinished fit. A saved state belongs to the same options, pairs, mask and pose.
using FitCheckpoint = Checkpoint;

// The clip of a fit.
struct FitData {
  FrameSize frame_size;  // of all frames
  const MaskClip& mask;
  const Track& pose;
  // The logits of a pair's TeacherReading.
  std::function<Result<std::vector<uint16_t>>(size_t pair)> teacher;
};
// Fits generator weights to one clip: the quantised weights with the lowest distortion, measured as the scorer does on
// frames without a search. Memory does not grow with the pairs. REQUIRES: as many maps in the mask as rows in the pose.
Result<WeightSet> FitWeights(Nets& nets, const FitOptions& options, const FitData& data,
                             const FitCheckpoint& checkpoint, Progress& progress);

}  // namespace kitsink::search
