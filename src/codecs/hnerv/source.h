#pragma once
// Random access to the inflated pairs of a clip of codec hnerv.

#include <memory>

#include "codecs/hnerv/frames.h"
#include "kitsink/codec.h"

namespace kitsink::hnerv {

// kInvalidArgument as FrameRenderer::Create; kLimit when rendering a pair takes more than Limits::max_working_bytes.
Result<std::unique_ptr<PairSource>> OpenPairs(const Scene& scene, const CodingContext& context);

}  // namespace kitsink::hnerv
