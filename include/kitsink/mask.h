#pragma once
// Class maps, one per pair, and their lossless stream m (src/codecs/search/FORMAT.md, "Stream m").

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/log.h"
#include "kitsink/result.h"

namespace kitsink {

// `count` class maps of one size. Map i belongs to f1 of pair i.
struct MaskClip {
  uint32_t width = 0;        // pixels, 1 .. Limits::max_dimension
  uint32_t height = 0;       // pixels
  uint32_t count = 0;        // maps, 1 .. Limits::max_pairs
  uint32_t num_classes = 0;  // 2 .. Limits::max_classes; every id is below it
  std::vector<uint8_t> ids;  // count * height * width, map by map, rows from the top

  size_t map_bytes() const { return size_t{width} * height; }
  std::span<const uint8_t> map(size_t index) const { return std::span(ids).subspan(index * map_bytes(), map_bytes()); }
  bool operator==(const MaskClip&) const = default;
};

struct MaskOptions {
  int level = 2;    // 1 = fastest .. 3 = smallest; travels in the stream
  int threads = 1;  // 1 or more; never changes a byte
};

// kInvalidArgument when the clip is empty, oversized, or holds an id >= num_classes.
Result<Bytes> EncodeMask(const MaskClip& clip, const MaskOptions& options, const Limits& limits, Progress& progress);

// Verifies the checksum of the decoded maps. kCorrupt, kUnsupported (version) or kLimit otherwise.
Result<MaskClip> DecodeMask(std::span<const uint8_t> stream, int threads, const Limits& limits, Progress& progress);

// What the head of a stream m declares, without decoding the maps.
struct MaskInfo {
  uint32_t width = 0, height = 0, count = 0, num_classes = 0;
  int version = 0, level = 0;
  bool stored = false;  // ids as they are, because coding them gained nothing
};
Result<MaskInfo> ReadMaskInfo(std::span<const uint8_t> stream, const Limits& limits);

// What the bits of a stream m are spent on: head, motion, each class (with its pixels), the ends of the code. A
// decision belongs to the class that it settles on, so a class pays for its borders and for its appearing where another
// was.
struct MeasuredMask {
  MaskClip clip;
  std::vector<StreamPart> parts;  // their bits add up to the stream's
  std::vector<double> map_bits;   // of each map, motion and classes
};
// As DecodeMask, and measures.
Result<MeasuredMask> MeasureMask(std::span<const uint8_t> stream, int threads, const Limits& limits,
                                 Progress& progress);

}  // namespace kitsink
