// Defines codec strict's CodecEngine. It makes no archive from a video; `pack` makes one from tensors.

#include "codecs/strict/scene.h"
#include "kitsink/codec.h"

namespace kitsink::strict {

extern const CodecEngine kEngine;
const CodecEngine kEngine = {.id = kCodecId};

}  // namespace kitsink::strict
