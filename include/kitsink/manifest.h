#pragma once
// Manifests: JSON files beside archives and .raw files that say how these were made. Every function that reads one is
// declared here. The contents are untrusted.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kitsink/frame.h"
#include "kitsink/result.h"

namespace kitsink {

using Json = nlohmann::ordered_json;

inline constexpr uint64_t kMaxManifestBytes = 1 << 26;

// What every manifest starts with: the tool and the job.
Json ManifestHead(const char* job);
// JSON for a file, with a line feed at its end. Never throws: a string that is not UTF-8 gets replacement characters.
std::string ToText(const Json& json);
// An object with the absolute path as "path". Where that is not UTF-8, its exact bytes follow as "path_hex".
Json DescribePath(const std::filesystem::path& path);
// A file's entry in a manifest: DescribePath, bytes, SHA-256.
Json DescribeFile(const std::filesystem::path& path, uint64_t size_bytes, const std::string& sha256);

// The manifest that `compress` wrote beside an archive. Fields that it lacks are empty.
struct CompressManifest {
  std::filesystem::path path;  // of the manifest itself
  std::string archive_sha256;
  std::filesystem::path original;
  uint64_t original_bytes = 0;
  std::string original_sha256;
  std::optional<uint64_t> first_pair;  // pair of the original that is the archive's first
  std::string segnet_sha256, posenet_sha256;
};

// Reads "<archive>.json". kCorrupt when it does not name an archive.
Result<CompressManifest> LoadCompressManifest(const std::filesystem::path& path);
// Finds the manifest of the archive with this SHA-256: "<archive>.json", or for a folder that an archive was extracted
// to "<folder>.json" or "<folder>.zip.json". Nothing when there is none.
std::optional<CompressManifest> FindCompressManifest(const std::filesystem::path& archive,
                                                     const std::string& archive_sha256);

// The two distortions of a pair, or their means.
struct TracePoint {
  double seg = 0, pose = 0;
};

// Distortions before, during and after a search at inflate, against the archive's targets; empty for codecs without
// a search.
struct SearchTrace {
  std::vector<TracePoint> before, after;  // of each pair
  std::vector<TracePoint> curve;          // means over the pairs after 0, 1 .. steps
};

// The manifest that `inflate` wrote beside a .raw.
struct RawManifest {
  std::filesystem::path archive_path;
  std::string archive_sha256;
  uint64_t archive_pairs = 0;
  std::string raw_sha256;
  uint64_t raw_bytes = 0;
  FrameSize frame_size;
  uint64_t first_pair = 0, num_pairs = 0;  // the archive's pairs in the .raw
  std::filesystem::path original;          // as the archive's manifest named it; empty = unknown
  std::string original_sha256;
  std::optional<uint64_t> original_first_pair;  // pair of the original that is the archive's first
  bool cut_by_time_limit = false;               // true: another run may give other frames
  SearchTrace trace;
};

// kCorrupt when it is not JSON, or lacks archive.path, archive.sha256, raw.sha256 or raw.bytes.
Result<RawManifest> ReadRawManifest(std::span<const uint8_t> json);
// The same from a file, which the error names.
Result<RawManifest> LoadRawManifest(const std::filesystem::path& path);
// Reads the manifest beside a .raw; nothing when there is none.
Result<std::optional<RawManifest>> LoadManifestBeside(const std::filesystem::path& raw);

// The .raw itself, or the only .raw of a folder.
Result<std::filesystem::path> FindRaw(const std::filesystem::path& path);

// ScoreReport::made: options and seconds from the manifests beside a .raw and beside its archive. Ignores a manifest
// that names another archive than the one with this SHA-256.
std::string DescribeMaking(const std::filesystem::path& raw, const std::filesystem::path& archive,
                           const std::string& archive_sha256);

// What frames inflated from an archive must agree with.
struct ArchiveFacts {
  std::string sha256;
  FrameSize frame_size;
  uint64_t num_pairs = 0;
};

// Result of checking frames against an archive.
struct RawCheck {
  std::filesystem::path raw;
  uint64_t raw_bytes = 0, num_pairs = 0;
  std::string raw_sha256;
  bool has_manifest = false;       // false: only the size was checked
  std::vector<std::string> notes;  // sentences without a final full stop
};

// `against`: a .raw, its manifest (.json), or a folder with exactly one .raw. Without a manifest, the .raw must have
// the size of the archive's pairs. A manifest must name this archive and its pairs, and the .raw must have the size
// and SHA-256 of the manifest. A manifest whose .raw is gone is checked alone. kCorrupt names the first difference.
Result<RawCheck> CheckRaw(const std::filesystem::path& against, const ArchiveFacts& archive);

}  // namespace kitsink
