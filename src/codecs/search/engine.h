#pragma once
// Codec search's functions that need the engine.

#include <memory>

#include "kitsink/codec.h"
#include "kitsink/nets.h"

namespace kitsink::search {

// A manifest's entries about the nets, the device and the library.
Json DescribeNets(const NetsInfo& nets, const Device& device);

// CodecEngine's functions.
Result<Member> Compress(CompressContext& context);
Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context);

}  // namespace kitsink::search
