// Defines codec strict's CodecEngine, its functions that need the engine.

#include "codecs/strict/compress.h"
#include "codecs/strict/scene.h"
#include "kitsink/codec.h"

namespace kitsink::strict {

extern const CodecEngine kEngine;
const CodecEngine kEngine = {.id = kCodecId, .compress = Compress};

}  // namespace kitsink::strict
