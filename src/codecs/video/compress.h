#pragma once
// CodecEngine's compress() of codec video.

#include "kitsink/codec.h"

namespace kitsink::video {

Result<Member> Compress(CompressContext& context);

}  // namespace kitsink::video
