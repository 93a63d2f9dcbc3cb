#pragma once
// The verbs of train_standin behind plain types; no LibTorch in this header.

#include <cstdint>
#include <filesystem>
#include <string>

#include "kitsink/log.h"
#include "kitsink/result.h"
#include "train_standin/scenes.h"

namespace kitsink::standin {

enum class NetKind { kSegNet, kPoseNet };

struct TrainJob {
  uint64_t seed = 1;
  int64_t steps = 0, batch = 8, crop_steps = 0, head_batches = 0;
  double rate = 3e-3, decay = 1e-2, turns = 4;
  std::filesystem::path initial, output;
  std::string device = "auto";
};
Status RunTraining(NetKind kind, const std::filesystem::path& scenes, Seeds seeds, const TrainJob& job,
                   Progress& progress);

struct ReportJob {
  std::filesystem::path nets;
  std::filesystem::path clip, masks;  // optional: a real clip, and its class maps as raw bytes
  std::filesystem::path png;          // optional
};
// Measures the nets and prints the tables of models/README.md to stdout.
Status RunReport(const std::filesystem::path& scenes, Seeds seeds, const ReportJob& job);

}  // namespace kitsink::standin
