#pragma once
// Random access to the inflated pairs of a clip of codec strict.

#include <memory>

#include "codecs/strict/scene.h"
#include "kitsink/codec.h"

namespace kitsink::strict {

Result<std::unique_ptr<PairSource>> OpenPairs(Scene scene, const CodingContext& context);
// CodecFormat's open().
Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context);

}  // namespace kitsink::strict
