// Defines codec video's CodecFormat, its functions that need no engine.

#include "kitsink/codec.h"

#include "codecs/video/scene.h"

namespace kitsink::video {

extern const CodecFormat kFormat;
const CodecFormat kFormat = {
    .id = kCodecId,
    .name = "video",
    .summary = "an AV1 or HEVC stream of small pictures and a restoration filter; inflate decodes, without the nets",
    .nets_at_inflate = false,
    .describe = Describe,
    .unpack = Unpack,
    .pack = Pack,
};

}  // namespace kitsink::video
