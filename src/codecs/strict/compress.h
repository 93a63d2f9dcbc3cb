#pragma once
// CodecEngine's compress() of codec strict.

#include "kitsink/codec.h"

namespace kitsink::strict {

Result<Member> Compress(CompressContext& context);

}  // namespace kitsink::strict
