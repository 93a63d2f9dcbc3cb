#pragma once
// CodecFormat's open() of codec strict.

#include <memory>

#include "kitsink/codec.h"

namespace kitsink::strict {

Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context);

}  // namespace kitsink::strict
