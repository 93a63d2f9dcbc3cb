#pragma once
// Manifests: the JSON files beside archives and .raw files that say how these were made. Everything that reads one is
// here; what they say is of unknown origin.

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
// A file as manifests name it: absolute path, bytes, SHA-256.
Json DescribeFile(const std::filesystem::path& path, uint64_t size_bytes, const std::string& sha256);

// Of the manifest that `compress` wrote beside an archive. Fields that it lacks are empty.
struct CompressManifest {
  std::filesystem::path path;  // of the manifest itself
  std::string archive_sha256;
  std::filesystem::path original;
  uint64_t original_bytes = 0;
  std::string original_sha256;
  std::string segnet_sha256, posenet_sha256;
};

// "<archive>.json". kCorrupt when it does not name an archive.
Result<CompressManifest> LoadCompressManifest(const std::filesystem::path& path);
// The one that speaks of the archive with this SHA-256: "<archive>.json", or for the folder that an archive was
// extracted to "<folder>.json" or "<folder>.zip.json". Nothing when there is none.
std::optional<CompressManifest> FindCompressManifest(const std::filesystem::path& archive,
                                                     const std::string& archive_sha256);

// Terms of a pair, or their means.
struct TracePoint {
  double seg = 0, pose = 0;
};

// What a search at inflate did, against the archive's targets; empty for codecs without a search.
struct SearchTrace {
  std::vector<TracePoint> before, after;  // of each pair
  std::vector<TracePoint> curve;          // means over the pairs after 0, 1 .. steps
};

// Of the manifest that `inflate` wrote beside a .raw.
struct RawManifest {
  std::string archive_path, archive_sha256;
  uint64_t archive_pairs = 0;
  std::string raw_sha256;
  uint64_t raw_bytes = 0;
  FrameSize frame_size;
  uint64_t first_pair = 0, num_pairs = 0;  // of the archive's, in the .raw
  std::filesystem::path original;          // as the archive's manifest named it; empty = unknown
  std::string original_sha256;
  bool cut_by_time_limit = false;  // frames that another run would give otherwise
  SearchTrace trace;
};

// kCorrupt says what is wrong with it.
Result<RawManifest> ReadRawManifest(std::span<const uint8_t> json);
// The same from a file, which the error names.
Result<RawManifest> LoadRawManifest(const std::filesystem::path& path);
// Of the manifest beside a .raw; nothing when there is none.
Result<std::optional<RawManifest>> LoadManifestBeside(const std::filesystem::path& raw);

// The .raw itself, or the only .raw of a folder.
Result<std::filesystem::path> FindRaw(const std::filesystem::path& path);

// ScoreReport::made: what the manifests beside a .raw and beside its archive tell of options and seconds, as far as
// they are there and speak of the archive with this sum.
std::string DescribeMaking(const std::filesystem::path& raw, const std::filesystem::path& archive,
                           const std::string& archive_sha256);

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
