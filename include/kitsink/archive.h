#pragma once
// Scene, the plain struct between bytes and pictures, and the archive that stores it (FORMAT.md).

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

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

// The one member of a zip file, or of a folder into which such a zip was extracted. Anything else (several
// members, compressed or encrypted ones, unsafe names) is an error that names what was found.
Result<Bytes> LoadMember(const std::filesystem::path& zip_or_folder, const Limits& limits);

// Extracts every file of any zip into `folder`, which exists, as unzip -o does: folders are made, a file's right to be
// run is kept. Names that lead out of the folder, links and encrypted files are refused before anything is written.
Status ExtractZip(const std::filesystem::path& zip, const std::filesystem::path& folder, const Limits& limits);

}  // namespace kitsink
