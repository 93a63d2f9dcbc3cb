// Defines codec search's CodecFormat, its functions that need no engine.

#include "kitsink/codec.h"

#include "codecs/search/scene.h"

namespace kitsink::search {

extern const CodecFormat kFormat;
const CodecFormat kFormat = {
    .id = kCodecId,
    .name = "search",
    .summary = "exact class maps, poses and a small generator; inflate searches for frames against the nets",
    .nets_at_inflate = true,
    .describe = Describe,
    .unpack = Unpack,
    .pack = Pack,
};

}  // namespace kitsink::search
