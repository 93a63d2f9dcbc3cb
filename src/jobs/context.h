#pragma once
// What a job hands on to a codec.

#include <any>
#include <string>

#include "kitsink/codec.h"
#include "kitsink/jobs.h"

namespace kitsink {

// "search, strict", for messages.
std::string CodecNames(const Codecs& codecs);

// Fills in everything but what a single job adds. `options` is the codec's own struct.
void FillContext(const JobOptions& job, const std::any& options, Progress& progress, EngineContext& context);

}  // namespace kitsink
