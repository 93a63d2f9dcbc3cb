#pragma once
// The train room without LibTorch: learning-rate schedules, checkpoints, and crews of processes. The loop itself is
// src/train/train.h.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>

#include "kitsink/bytes.h"
#include "kitsink/crew.h"
#include "kitsink/log.h"
#include "kitsink/result.h"

namespace kitsink {

// The learning rate: a linear rise, then half a cosine down to a floor. Step s of S has the rate peak * rise * fall:
//   rise  the share `first` in step 0, then 1 / max(1, W) more in every step, where W = warm_up * S
//   fall  floor + (1 - floor) * (1 + cos(pi * x)) / 2, where x grows from 0 to 1
struct Schedule {
  // kFromStart: x = s / S throughout, and rise ends at 1. kAfterRise: fall is 1 while s < W; from there on rise is 1,
  // and x grows from 0 at s = W.
  enum class Fall { kFromStart, kAfterRise };

  double peak = 1e-3;
  double warm_up = 0.05;  // share of the steps, 0 .. 1
  double first = 0;       // share of the peak, 0 .. 1; 0 stands for 1 / max(1, W)
  double floor = 0;       // share of the peak, 0 .. 1
  Fall fall = Fall::kFromStart;
};
// REQUIRES: 0 <= step < steps.
double RateAt(const Schedule& schedule, int64_t step, int64_t steps);

// Where a training keeps its state, so that a killed training goes on and ends with the same result. The times of the
// saves change no result.
struct Checkpoint {
  // What `save` got from an earlier training of the same parameters with the same options and data; empty: none.
  Bytes saved = {};
  // Keeps the state durably; empty: the state is not kept.
  std::function<Status(std::span<const uint8_t>)> save = {};
  double seconds = 10;  // between two saves; the last step and a stop request save at once
  // The processes that all run this training; null: this one alone. Only process 0 saves.
  Crew* crew = nullptr;
};

// A checkpoint in a file: loads `path` if it exists, and replaces it with fsync and rename. kIo, kLimit.
Result<Checkpoint> CheckpointInFile(const std::filesystem::path& path);

// How the processes of a crew find each other.
struct CrewPlace {
  std::filesystem::path meeting_point;        // a file that all see: process 0 writes there where its store listens
  std::function<bool(uint64_t index)> lives;  // whether that process is running
  double patience_seconds = 600;              // for the others to come
};
// Returns once all processes of the shard's count are there. Process 0 keeps a key-value store of LibTorch's c10d on
// a free port of its host, MASTER_ADDR or the host's own name. kInterrupted after a stop request; kIo when a process
// does not come; kInternal when the store cannot listen. All arguments must outlive the crew.
Result<std::unique_ptr<Crew>> MeetCrew(const Shard& shard, const CrewPlace& place, Progress& progress);

}  // namespace kitsink
