#pragma once
// The units of a bare stream (FORMAT.md, "Section stream"): OBUs of AV1, NAL units of HEVC after three-byte start
// codes.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "codecs/video/scene.h"
#include "kitsink/bytes.h"
#include "kitsink/result.h"

namespace kitsink::video {

// The stream's units in order, as spans of its bytes. kCorrupt unless its bytes are whole units as StreamPacker leaves
// them, one slice a picture, that show num_pictures() pictures.
Result<std::vector<std::span<const uint8_t>>> SplitUnits(const Stream& stream);
Result<std::vector<std::span<const uint8_t>>> SplitUnits(Stream&&) = delete;  // the spans would outlive the bytes

// Bytes of a stream up to the end of its first picture's first unit: headers and the key frame. The whole stream where
// it holds no picture.
size_t KeyFrameBytes(StreamCoding coding, std::span<const uint8_t> stream);

// Appends an encoder's packet to a stream: its units that a decoder needs. A parameter set or sequence header that
// repeats the last one of its type is left out.
class StreamPacker {
 public:
  explicit StreamPacker(StreamCoding coding) : coding_(coding) {}
  // kCorrupt when the packet is no sequence of whole units.
  Status Add(std::span<const uint8_t> packet);
  Bytes Take() { return std::move(stream_); }

 private:
  StreamCoding coding_;
  Bytes stream_;
  Bytes headers_[3];  // the last sequence header, or VPS, SPS and PPS
};

}  // namespace kitsink::video
