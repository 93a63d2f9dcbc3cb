#pragma once
// The user's options of codec hnerv for compress.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kitsink::hnerv {

enum class DecoderSize { kAuto, kTiny, kSmall, kFull };
// Of the training: kitsink's, or that of the published archives of the family.
enum class Recipe { kImproved, kPublished };

struct CompressOptions {
  DecoderSize decoder = DecoderSize::kAuto;
  Recipe recipe = Recipe::kImproved;
  uint32_t train_steps = 8000;
  uint32_t train_batch = 1;         // pairs of a step
  uint32_t weight_rounds = 4;       // of moves of the decoder's codes at most; 0: none
  uint32_t polish_rounds = 8;       // of changes to the pairs' codes at most; 0: none
  uint32_t polish_candidates = 32;  // changes of a pair that a round renders
  uint64_t seed = 0;                // of the training
  double time_limit_seconds = 0;    // 0: none
  std::filesystem::path from;       // a scene: safetensors, or an archive; empty: none
  std::vector<std::string> stages;  // to run; empty: all that `from` does not bring
};

}  // namespace kitsink::hnerv
