#pragma once
// The user's options of codec video for compress.

#include <cstdint>
#include <optional>
#include <string>

#include "codecs/video/scene.h"
#include "kitsink/frame.h"

namespace kitsink::video {

struct CompressOptions {
  std::optional<StreamCoding> coding;  // absent: tried both
  std::optional<FrameSize> size;       // of the pictures; absent: tried
  std::optional<int> crf;              // the encoder's quality number; absent: tried
  std::string encoder_options;         // FFmpeg's, added to what the codec chooses
  int effort = 6;                      // SVT-AV1's preset: 0 slowest .. 12
  uint32_t tries = 16;                 // most streams of the sample that are encoded and scored
  uint32_t sample_pairs = 24;          // successive pairs, from the middle of the clip
  uint32_t filter_width = 8;           // channels of the first filter; 0: no filter
  uint32_t filter_widths = 1;          // most widths that are trained, each twice the last
  uint32_t filter_steps = 1000;        // of each training of a filter, a pair each
  uint64_t seed = 0;
};

}  // namespace kitsink::video
