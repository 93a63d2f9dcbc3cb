// Defines codec hnerv's CodecEngine, its functions that need the engine.

#include "codecs/hnerv/compress.h"
#include "codecs/hnerv/scene.h"
#include "kitsink/codec.h"

namespace kitsink::hnerv {

extern const CodecEngine kEngine;
const CodecEngine kEngine = {.id = kCodecId, .compress = Compress};

}  // namespace kitsink::hnerv
