// Codec strict has no options of its own.

#include "cli/codec_options.h"

namespace kitsink::strict {

extern const CodecCommandLine kCommandLine;
const CodecCommandLine kCommandLine = {.codec = "strict"};

}  // namespace kitsink::strict
