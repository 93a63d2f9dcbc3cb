// Defines codec video's CodecEngine, its functions that need the engine.

#include "codecs/video/compress.h"
#include "codecs/video/scene.h"
#include "codecs/video/source.h"
#include "kitsink/codec.h"

namespace kitsink::video {

extern const CodecEngine kEngine;
const CodecEngine kEngine = {.id = kCodecId, .compress = Compress, .open = Open};

}  // namespace kitsink::video
