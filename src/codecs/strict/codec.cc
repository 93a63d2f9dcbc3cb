// Defines codec strict's CodecFormat, its functions that need no engine.

#include "kitsink/codec.h"

#include "codecs/strict/scene.h"
#include "codecs/strict/source.h"

namespace kitsink::strict {

extern const CodecFormat kFormat;
const CodecFormat kFormat = {
    .id = kCodecId,
    .name = "strict",
    .summary = "exact class maps, a small renderer and a motion or carrier of f0; inflate renders, without the nets",
    .nets_at_inflate = false,
    .describe = Describe,
    .unpack = Unpack,
    .pack = Pack,
    .open = Open,
};

}  // namespace kitsink::strict
