#pragma once
// What the manifests beside archives and .raw files say, read without the engine; both are of unknown origin.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kitsink/frame.h"
#include "kitsink/result.h"

namespace kitsink {

inline constexpr uint64_t kMaxManifestBytes = 1 << 26;

// Of the manifest that `inflate` wrote beside a .raw.
struct RawManifest {
  std::string archive_path, archive_sha256;
  uint64_t archive_pairs = 0;
  std::string raw_sha256;
  uint64_t raw_bytes = 0;
  FrameSize frame_size;
  uint64_t first_pair = 0, num_pairs = 0;  // of the archive's, in the .raw
  bool cut_by_time_limit = false;          // frames that another run would give otherwise
};

// kCorrupt says what is wrong with it.
Result<RawManifest> ReadRawManifest(std::span<const uint8_t> json);
// The same from a file, which the error names.
Result<RawManifest> LoadRawManifest(const std::filesystem::path& path);
// Of the manifest beside a .raw; nothing when there is none.
Result<std::optional<RawManifest>> LoadManifestBeside(const std::filesystem::path& raw);

// The .raw itself, or the only .raw of a folder.
Result<std::filesystem::path> FindRaw(const std::filesystem::path& path);

// Bytes of the original that the manifest "<archive>.json" of `compress` names, when it is there and means this
// archive.
std::optional<uint64_t> OriginalBytesOf(const std::filesystem::path& archive, const std::string& archive_sha256);

// An archive, as far as frames inflated from it must agree with it.
struct ArchiveFacts {
  std::string sha256;
  FrameSize frame_size;
  uint64_t num_pairs = 0;
};

// What frames have in common with an archive.
struct RawCheck {
  std::filesystem::path raw;
  uint64_t raw_bytes = 0, num_pairs = 0;
  std::string raw_sha256;
  bool has_manifest = false;       // without one nothing but the size ties the frames to the archive
  std::vector<std::string> notes;  // sentences without a final full stop
};

// `against`: a .raw, its manifest (.json), or a folder with exactly one .raw. The size must be that of the archive's
// pairs; with a manifest, it must name this archive and its pairs and the .raw must have the size and SHA-256 it says.
// kCorrupt names the first thing that differs. A manifest alone, its .raw gone, is enough.
Result<RawCheck> CheckRaw(const std::filesystem::path& against, const ArchiveFacts& archive);

}  // namespace kitsink
