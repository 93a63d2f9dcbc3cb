#pragma once
// The user's options of codec hnerv for compress.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kitsink::hnerv {

struct CompressOptions {
  uint32_t polish_rounds = 8;       // of changes to the pairs' codes at most; 0: none
  uint32_t polish_candidates = 32;  // changes of a pair that a round renders
  double time_limit_seconds = 0;    // 0: none
  std::filesystem::path from;       // a scene: safetensors, or an archive; empty: none
  std::vector<std::string> stages;  // to run; empty: all
};

}  // namespace kitsink::hnerv
