#pragma once
// Ceilings on what an archive may ask of a decoder, checked before anything is allocated.

#include <cstddef>
#include <cstdint>

namespace kitsink {

struct Limits {
  uint32_t max_pairs = 65535;           // class maps, rows of a track
  uint32_t max_dimension = 4096;        // width or height of a class map or of a frame, pixels
  uint64_t max_map_bytes = 1ULL << 31;  // width * height * count of one clip of class maps
  uint32_t max_classes = 16;
  uint32_t max_track_dims = 64;
  uint64_t max_weights = 1ULL << 24;          // weight values in one stream w
  uint64_t max_member_bytes = 1ULL << 28;     // the archive's one member, and any file read whole as an archive
  uint64_t max_extracted_bytes = 1ULL << 33;  // all files of another submission's archive together
  uint64_t max_unfolding = 100;               // these bytes over the zip's, once they pass kUnfoldingMattersFrom
};

// A zip may unfold to this much whatever its own size.
inline constexpr uint64_t kUnfoldingMattersFrom = 1ULL << 26;

}  // namespace kitsink
