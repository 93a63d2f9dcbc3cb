#pragma once
// Checks and cleans the name of an untrusted zip member.

#include <string>

#include "kitsink/result.h"

namespace kitsink {

// `name` without "." and empty components; a folder's name keeps one final slash. kUnsupported, with the trick named,
// unless every system would write the member to the same path below the target folder.
Result<std::string> CleanZipName(const std::string& name);

}  // namespace kitsink
