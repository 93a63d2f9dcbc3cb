#pragma once
// The outer shell of an archive: a zip with one stored member, or the folder it was extracted to.

#include <cstdint>
#include <filesystem>
#include <string>

#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

// The member's bytes, not yet parsed; size and hash as in LoadedArchive.
struct Shell {
  Bytes member;
  uint64_t size_bytes = 0;
  std::string sha256;
};
Result<Shell> LoadShell(const std::filesystem::path& zip_or_folder, const Limits& limits);

}  // namespace kitsink
