// Defines codec hnerv's CodecEngine: nothing, as kitsink does not train its decoder yet.

#include "codecs/hnerv/scene.h"
#include "kitsink/codec.h"

namespace kitsink::hnerv {

extern const CodecEngine kEngine;
const CodecEngine kEngine = {.id = kCodecId};

}  // namespace kitsink::hnerv
