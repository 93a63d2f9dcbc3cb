// Defines codec search's CodecEngine, its functions that need the engine.

#include "codecs/search/engine.h"

#include "codecs/search/scene.h"

namespace kitsink::search {

extern const CodecEngine kEngine;
const CodecEngine kEngine = {.id = kCodecId, .compress = Compress, .open = Open};

}  // namespace kitsink::search
