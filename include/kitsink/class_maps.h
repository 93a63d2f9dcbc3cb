#pragma once
// The class maps of a clip, decoded.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

}  // namespace kitsink
