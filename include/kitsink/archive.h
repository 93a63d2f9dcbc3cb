#pragma once
// Scene, the plain struct between bytes and pictures, and the archive that stores it (FORMAT.md).

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/frame.h"
#include "kitsink/limits.h"
#include "kitsink/log.h"
#include "kitsink/mask.h"
#include "kitsink/pose.h"
#include "kitsink/result.h"
#include "kitsink/selectors.h"
#include "kitsink/weights.h"

namespace kitsink {

// Everything that codec `search` stores about a clip. pose.num_rows == mask.count.
struct Scene {
  FrameSize frame_size = kContestFrameSize;  // of the frames to write
  MaskClip mask;
  Track pose;
  WeightSet weights;
  SelectorTable selectors;
  bool operator==(const Scene&) const = default;
};

// Where an archive's bytes went. `member` is the header and the streams; a zip adds 98 + 2 * name bytes.
struct ArchiveAnatomy {
  uint64_t member_bytes = 0, header_bytes = 0;
  uint64_t mask_bytes = 0, weights_bytes = 0, pose_bytes = 0, selectors_bytes = 0;
};

struct ArchiveOptions {
  int mask_level = 2;  // MaskOptions::level
  int threads = 1;
};

// The member's bytes: 12-byte header, then m, w, p, r.
Result<Bytes> EncodeMember(const Scene& scene, const ArchiveOptions& options, const Limits& limits, Progress& progress);
Result<Scene> DecodeMember(std::span<const uint8_t> member, int threads, const Limits& limits, Progress& progress);
Result<ArchiveAnatomy> ReadAnatomy(std::span<const uint8_t> member, const Limits& limits);

// A zip of one stored member named "p": member + 100 bytes, equal bytes for equal members.
Result<Bytes> PackZip(std::span<const uint8_t> member);

// The one member of such a zip by any writer. Anything else (several members, compressed or encrypted ones, unsafe
// names and every other trick of FORMAT.md, "Shell") is an error that names what was found.
Result<Bytes> UnpackZip(std::span<const uint8_t> zip, const Limits& limits);

// The same from a zip file, or from a folder into which such a zip was extracted.
Result<Bytes> LoadMember(const std::filesystem::path& zip_or_folder, const Limits& limits);

// Extracts every file of any zip into `folder`, which exists, as unzip -o does: folders are made, a file's right to be
// run is kept. Tricks are refused before anything is written.
Status ExtractZip(const std::filesystem::path& zip, const std::filesystem::path& folder, const Limits& limits);

// A member of any zip.
struct ZipMember {
  std::string name;     // of unknown origin: Quoted() before it is shown
  uint16_t method = 0;  // 0 stored, 8 Deflate
  uint64_t packed_bytes = 0, size_bytes = 0;
  uint32_t crc = 0;
  std::string sha256;  // of its contents; empty when this build cannot unfold it
};

struct ZipListing {
  uint64_t size_bytes = 0;  // of the zip
  std::string sha256;
  std::vector<ZipMember> members;
};

// What any zip holds; refuses what ExtractZip refuses, and members that are damaged.
Result<ZipListing> ListZip(const std::filesystem::path& path, const Limits& limits);

}  // namespace kitsink
