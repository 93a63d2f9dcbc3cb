#pragma once
// CodecEngine's compress() of codec hnerv.

#include "kitsink/codec.h"

namespace kitsink::hnerv {

Result<Member> Compress(CompressContext& context);

}  // namespace kitsink::hnerv
