#pragma once
// Upper limits on what an archive may declare. Decoders check them before they allocate.

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
  uint64_t max_working_bytes = 1ULL << 32;    // memory to render one pair
  uint64_t max_member_bytes = 1ULL << 28;     // one archive member, or a file that is read whole as an archive
  uint64_t max_extracted_bytes = 1ULL << 33;  // sum of all files in the archive of another submission
  uint64_t max_unfolding = 100;  // ratio of extracted bytes to zip bytes; applies above kUnfoldingMattersFrom
};

// Extracted bytes up to which a zip's compression ratio is not checked.
inline constexpr uint64_t kUnfoldingMattersFrom = 1ULL << 26;

}  // namespace kitsink
