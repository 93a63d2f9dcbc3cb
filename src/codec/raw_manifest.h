#pragma once
// The manifest that `inflate` writes beside a .raw, as `score` reads it.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "kitsink/result.h"

namespace kitsink {

struct RawManifest {
  std::string archive_path;
  std::string archive_sha256;
  uint64_t raw_bytes = 0;
};

// kCorrupt says what is wrong with it.
Result<RawManifest> ReadRawManifest(std::span<const uint8_t> bytes);
// Names the file as well.
Result<RawManifest> LoadRawManifest(const std::filesystem::path& path);

}  // namespace kitsink
