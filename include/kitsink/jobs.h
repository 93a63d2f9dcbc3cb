#pragma once
// Jobs around the codec's own: what the engine finds on this machine, and what the page about a run shows.

#include <cstdint>
#include <filesystem>
#include <string>

#include "kitsink/codec.h"
#include "kitsink/frame.h"
#include "kitsink/nets.h"
#include "kitsink/report.h"
#include "kitsink/result.h"

namespace kitsink {

struct VideoFacts {
  FrameSize frame_size;
  uint64_t num_frames = 0;  // the container's estimate; 0 when it does not say
};

// Each part fails for itself, so that a reader sees all that is wrong at once.
struct EngineFacts {
  std::string torch;           // TorchDescription
  std::string decoder;         // DecoderVersion
  Result<std::string> device;  // "cpu", "cuda:0"
  Result<NetsInfo> nets;       // loaded, on the CPU
  Result<VideoFacts> video;    // opened, its first frame decoded
};

// Of job, `nets_folder`, `device` and `threads` are used. An empty `video` is not opened.
EngineFacts DescribeEngine(const std::filesystem::path& video, const JobOptions& job);

// Scores as RunScore does, then gathers all but the ledger; `num_shown` pairs at either end get pictures.
Result<Page> MakePage(const ScoreOptions& options, size_t num_shown, const JobOptions& job, Progress& progress);

}  // namespace kitsink
