// Lists this build's codecs with the functions that need the engine.

#include <array>

#include "kitsink/codec.h"

namespace kitsink {

#define KITSINK_CODEC(codec)        \
  namespace codec {                 \
  extern const CodecEngine kEngine; \
  }
#include "codecs/codecs.def"
#undef KITSINK_CODEC

namespace {

const std::array kEngines = {
#define KITSINK_CODEC(codec) &codec::kEngine,
#include "codecs/codecs.def"
#undef KITSINK_CODEC
};

}  // namespace

Codecs EngineCodecs() { return {FormatCodecs().formats, kEngines}; }

}  // namespace kitsink
