// Codec hnerv's row of the command line; compress does not offer it yet.

#include "cli/codec_options.h"

namespace kitsink::hnerv {

extern const CodecCommandLine kCommandLine;
const CodecCommandLine kCommandLine = {.codec = "hnerv"};

}  // namespace kitsink::hnerv
