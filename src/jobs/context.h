#pragma once
// What a job hands on to a codec.

#include <any>

#include "kitsink/codec.h"
#include "kitsink/jobs.h"

namespace kitsink {

// Fills in everything but what a single job adds. `options` is the codec's own struct.
void FillContext(const JobOptions& job, const std::any& options, Progress& progress, EngineContext& context);

}  // namespace kitsink
