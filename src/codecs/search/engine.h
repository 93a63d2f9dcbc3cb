#pragma once
// Codec search's functions that need the engine.

#include <memory>

#include "kitsink/codec.h"

namespace kitsink::search {

// CodecEngine's functions.
Result<Member> Compress(CompressContext& context);
Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context);

}  // namespace kitsink::search
