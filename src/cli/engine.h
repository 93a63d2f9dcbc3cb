#pragma once
// The engine behind the command: a shared library with LibTorch and FFmpeg in it, opened when a verb computes.

#include "kitsink/jobs.h"
#include "kitsink/result.h"
#include "kitsink/score_jobs.h"

namespace kitsink {

// The jobs of jobs.h and score_jobs.h that compute, as the library hands them out, and its codecs.
struct Engine {
  decltype(&EngineCodecs) codecs;
  decltype(&Compress) compress;
  decltype(&Inflate) inflate;
  decltype(&RunScore) score;
  decltype(&RunEvaluate) evaluate;
  decltype(&PngPictures) mask_pictures;
  decltype(&DescribeEngine) describe;
  decltype(&MakePage) make_page;
};

// The library's one entry point. Both sides are built together: `version` is the caller's, another one's gets null.
extern "C" const Engine* kitsink_engine(const char* version);
inline constexpr const char* kEngineEntry = "kitsink_engine";

// Opens the library beside the command or where it is installed, once. kIo says which files were tried and why not.
Result<const Engine*> OpenEngine();
// The same for a verb that needs codecs and nets: fills job.codecs and job.nets_folder.
Result<const Engine*> OpenEngine(JobOptions& job);

}  // namespace kitsink
