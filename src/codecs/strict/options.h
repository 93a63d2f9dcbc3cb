#pragma once
// The user's options of codec strict for compress.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kitsink::strict {

enum class RendererSize { kAuto, kTiny, kSmall, kFull };
enum class F1Chain { kAuto, kPreimage, kEnlarged };
enum class F0Form { kAuto, kMotion, kAtoms };
enum class RendererOptimiser { kAdamW, kMuon };

struct CompressOptions {
  RendererSize renderer = RendererSize::kAuto;
  F1Chain chain = F1Chain::kAuto;
  F0Form f0 = F0Form::kAuto;
  RendererOptimiser optimiser = RendererOptimiser::kAdamW;
  uint32_t train_steps = 4000;  // of the renderer's training
  uint32_t train_batch = 1;     // pairs of a step
  uint32_t carrier_steps = 96;  // of training the carrier, for each pair
  uint32_t carrier_rounds = 2;  // of basis steps, each followed by a solve of all pairs
  uint32_t edit_rounds = 4;     // of edits to all class maps at most; 0: none
  uint32_t edit_passes = 4;     // over a map in a round at most
  uint32_t hops = 1;            // moves of the renderer, each followed by a solve of the carrier and by edits
  int mask_level = 2;           // MaskOptions::level
  uint64_t seed = 0;
  double time_limit_seconds = 0;    // 0: none
  std::filesystem::path from;       // safetensors with some of a scene's tensors; empty: none
  std::vector<std::string> stages;  // to run even if `from` brings their result
};

}  // namespace kitsink::strict
