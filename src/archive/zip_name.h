#pragma once
// The name of a member of unknown origin.

#include <string>

#include "kitsink/result.h"

namespace kitsink {

// `name` without "." and empty components, a folder's with one final slash, if every system writes it to the same place
// below the folder where the zip is extracted; kUnsupported with the trick's name otherwise.
Result<std::string> CleanZipName(const std::string& name);

}  // namespace kitsink
