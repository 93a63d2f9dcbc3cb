#pragma once
// The engine: a shared library with LibTorch and FFmpeg, opened only by verbs that need it.

#include "kitsink/jobs.h"
#include "kitsink/result.h"
#include "kitsink/score_jobs.h"

namespace kitsink {

// The library's functions: the jobs of jobs.h and score_jobs.h that need the engine, and its codecs.
struct Engine {
  decltype(&EngineCodecs) codecs;
  decltype(&Compress) compress;
  decltype(&Inflate) inflate;
  decltype(&RunScore) score;
  decltype(&RunEvaluate) evaluate;
  decltype(&PngPictures) mask_pictures;
  decltype(&DescribeEngine) describe;
  decltype(&MakeRunPage) make_run_page;
};

// The library's one entry point. `version` is the caller's; null when the library's is different.
extern "C" const Engine* kitsink_engine(const char* version);
inline constexpr const char* kEngineEntry = "kitsink_engine";

// Opens the library once, from beside the command or where it is installed. kIo names the files that were tried.
Result<const Engine*> OpenEngine();
// The same for a verb that needs codecs and nets: also fills job.codecs and job.nets_folder.
Result<const Engine*> OpenEngine(JobOptions& job);

}  // namespace kitsink
