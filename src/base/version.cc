// Returns the version that the build defines.

#include "kitsink/version.h"

namespace kitsink {

std::string_view Version() { return KITSINK_VERSION; }

}  // namespace kitsink
