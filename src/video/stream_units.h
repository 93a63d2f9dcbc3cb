#pragma once
// The units of a bare stream: OBUs of AV1 (with their sizes), NAL units of HEVC (after three-byte start codes).

#include <cstddef>
#include <cstdint>
#include <span>

#include "kitsink/bytes.h"
#include "kitsink/result.h"
#include "kitsink/video_stream.h"

namespace kitsink {

// The unit at the start of `bytes`, which are not empty: how many bytes it takes, and its type. kCorrupt when there is
// no whole unit.
struct StreamUnit {
  size_t size = 0;
  int type = 0;
};
Result<StreamUnit> NextUnit(VideoCoding coding, std::span<const uint8_t> bytes);

// Appends an encoder's packet to a stream: its units that a decoder needs. A parameter set or sequence header that
// repeats the last one of its type is left out.
class StreamPacker {
 public:
  explicit StreamPacker(VideoCoding coding) : coding_(coding) {}
  Status Add(std::span<const uint8_t> packet);
  Bytes Take() { return std::move(stream_); }

 private:
  bool IsNeeded(std::span<const uint8_t> unit, int type);
  VideoCoding coding_;
  Bytes stream_;
  Bytes headers_[3];  // the last sequence header, or VPS, SPS and PPS
};

}  // namespace kitsink
