#pragma once
// Class maps, one per pair, and their lossless stream m (src/codecs/search/FORMAT.md, "Stream m").

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/class_maps.h"
#include "kitsink/limits.h"
#include "kitsink/log.h"
#include "kitsink/result.h"

namespace kitsink {

// The level of context-tree weighting. Levels 1 to 3 mix contexts by weights that they learn.
inline constexpr int kCtwLevel = 4;
// What people call a level: "1", "2", "3" or "ctw".
std::string MaskLevelName(int level);

struct MaskOptions {
  int level = 2;  // 1 = fastest .. 3 = smallest, or kCtwLevel; stored in the stream
};

// kInvalidArgument when the clip is empty or holds an id >= num_classes, kLimit when it is too large.
Result<Bytes> EncodeMask(const MaskClip& clip, const MaskOptions& options, const Limits& limits, Progress& progress);

// Decodes the maps and verifies their checksum. kCorrupt, kUnsupported (version or level) or kLimit.
Result<MaskClip> DecodeMask(std::span<const uint8_t> stream, int threads, const Limits& limits, Progress& progress);

// Contents of the header of a stream m. The maps are not decoded.
struct MaskInfo {
  uint32_t width = 0, height = 0, count = 0, num_classes = 0;
  int version = 0, level = 0;
  bool stored = false;  // ids are packed and not coded, because coding made them no smaller
};
Result<MaskInfo> ReadMaskInfo(std::span<const uint8_t> stream, const Limits& limits);

// For people: "600 class maps of 512 x 384, 5 classes, level 3, ..." with bytes a pair and bits a pixel.
std::string DescribeMask(const MaskInfo& info, uint64_t stream_bytes);
// The same facts as a JSON object.
std::string MaskFacts(const MaskInfo& info);

// Where the bits of a stream m go: header, motion, each class (with its number of pixels), and the ends of the code.
// A decision is charged to the class that it settles, so a class pays for its borders and for where it newly appears.
struct MeasuredMask {
  MaskClip clip;
  std::vector<StreamPart> parts;  // their bits add up to the size of the stream
  std::vector<double> map_bits;   // bits of each map, for motion and classes
};
// Decodes as DecodeMask() does, with the same errors, and measures.
Result<MeasuredMask> MeasureMask(std::span<const uint8_t> stream, int threads, const Limits& limits,
                                 Progress& progress);

}  // namespace kitsink
