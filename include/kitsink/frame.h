#pragma once
// One picture: 8-bit RGB, interleaved, rows from the top.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kitsink {

struct FrameSize {
  uint32_t width = 0;   // pixels
  uint32_t height = 0;  // pixels
  bool operator==(const FrameSize&) const = default;
  size_t size_bytes() const { return size_t{3} * width * height; }
};

// Frame size of the contest's camera, and the size to which both evaluator nets resize a frame.
inline constexpr FrameSize kContestFrameSize{1164, 874};
inline constexpr FrameSize kModelGrid{512, 384};
// What the evaluator nets tell: SegNet's classes, and the outputs of PoseNet that the score counts.
inline constexpr uint32_t kNumClasses = 5;
inline constexpr uint32_t kPoseValues = 6;

struct Frame {
  FrameSize size;
  std::vector<uint8_t> rgb;  // size.size_bytes() values, (y * width + x) * 3 + channel
};

// Pairs first .. end - 1 of a clip.
struct PairRange {
  uint64_t first = 0;
  uint64_t end = UINT64_MAX;
};

// f0 and f1 of one pair, frames 2i and 2i + 1 of the clip.
struct FramePair {
  Frame f0;
  Frame f1;
};

}  // namespace kitsink
