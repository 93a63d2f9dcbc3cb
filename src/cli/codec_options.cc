// Lists the codecs' own options of the command line.

#include "cli/codec_options.h"

namespace kitsink {

#define KITSINK_CODEC(codec)                  \
  namespace codec {                           \
  extern const CodecCommandLine kCommandLine; \
  }
#include "codecs/codecs.def"
#undef KITSINK_CODEC

std::vector<const CodecCommandLine*> CommandLines() {
  return {
#define KITSINK_CODEC(codec) &codec::kCommandLine,
#include "codecs/codecs.def"
#undef KITSINK_CODEC
  };
}

}  // namespace kitsink
