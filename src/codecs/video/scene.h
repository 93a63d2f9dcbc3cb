#pragma once
// Codec video: everything that an archive stores about a clip, and its sections (FORMAT.md).

#include <cstdint>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/coding.h"
#include "kitsink/tensors.h"
#include "kitsink/weights.h"

namespace kitsink::video {

inline constexpr CodecId kCodecId = 4;

// How the stream is coded; the number is stored. It equals VideoCoding of video_stream.h, which needs FFmpeg.
enum class StreamCoding : uint8_t { kAv1 = 0, kHevc = 1 };
inline constexpr size_t kNumCodings = 2;

// The clip's frames, small, as a bare stream (video_stream.h).
struct Stream {
  StreamCoding coding = StreamCoding::kAv1;
  FrameSize size;          // of its pictures; even sides, 16 .. kModelGrid
  uint32_t num_pairs = 0;  // of the clip
  // A copy of the first frame precedes it. Encoders spend most on every second, fourth .. picture; the copy makes these
  // f1, which both nets read.
  bool lead = false;
  uint64_t num_pictures() const { return 2 * uint64_t{num_pairs} + (lead ? 1 : 0); }
  Bytes bytes;
  bool operator==(const Stream&) const = default;
};

// Three 3 x 3 convolutions whose output is added to the picture (FORMAT.md, "Frames").
struct Filter {
  uint32_t width = 0;                    // channels of the two hidden layers, a multiple of 8, 8 .. 64
  std::vector<QuantizedTensor> tensors;  // in the order of FilterTensors(width)
  bool operator==(const Filter&) const = default;
};
inline constexpr uint32_t kMaxFilterWidth = 64;

struct Scene {
  FrameSize frame_size = kContestFrameSize;  // of the frames to write
  Stream stream;
  // None; one for all frames; or one for f0 and one for f1.
  std::vector<Filter> filters;
  bool operator==(const Scene&) const = default;
};

// A filter's tensors in stream order.
std::vector<TensorSpec> FilterTensors(uint32_t width);

// kInvalidArgument unless they are in the ranges above.
Status CheckPictureSize(FrameSize size);
Status CheckFilterWidth(uint32_t width);

// Sections stream and, where there are filters, filter. kInvalidArgument for a scene that breaks the rules above.
Result<Member> EncodeScene(const Scene& scene, const CodingContext& context);
Result<Scene> DecodeScene(const Member& member, const CodingContext& context);

// A scene as named tensors, and back; all but the frame size. kInvalidArgument lists everything that is wrong.
TensorFile TensorsOf(const Scene& scene);
Result<Scene> SceneOfTensors(const TensorFile& file, const Limits& limits);

// CodecFormat's functions. Tensors are listed in FORMAT.md, "Tensors".
Result<Description> Describe(const Member& member, DescribeDepth depth, const CodingContext& context);
Result<TensorFile> Unpack(const Member& member, const CodingContext& context);
Result<Member> Pack(const TensorFile& file, const PackOptions& options, const CodingContext& context);

}  // namespace kitsink::video
