#pragma once
// Codec hnerv: everything that an archive stores about a clip, and its sections (FORMAT.md).

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/coding.h"
#include "kitsink/tensors.h"

namespace kitsink::hnerv {

inline constexpr CodecId kCodecId = 3;

inline constexpr size_t kNumStages = 6;  // each doubles height and width: 6 x 8 becomes kModelGrid
inline constexpr uint32_t kStemHeight = 6, kStemWidth = 8;

// The network that renders both frames of a pair from the pair's latent vector.
struct DecoderShape {
  uint32_t latent_dims = 28;
  // Channels after the stem and after each stage. A stage whose two counts differ has a 1 x 1 convolution in its skip.
  // The refinement's hidden layer has half of the last count.
  std::array<uint32_t, kNumStages + 1> channels = {36, 36, 36, 27, 20, 18, 18};
  bool operator==(const DecoderShape&) const = default;
};

// value = code * scale, in float32.
struct Int8Tensor {
  std::vector<int8_t> codes;  // -127 .. 127, row-major (out, in, y, x)
  float scale = 1;            // positive and finite
  bool operator==(const Int8Tensor&) const = default;
};

// A change of one latent value of a pair after dequantisation: value += step * unit.
struct Correction {
  static constexpr uint8_t kNone = 255;
  uint8_t dim = kNone;
  int8_t steps = 0;
  bool operator==(const Correction&) const = default;
};

// value = code * scale + minimum, rounded after the product and after the sum.
struct Latents {
  uint32_t num_pairs = 0, dims = 0;
  std::vector<uint8_t> codes;           // [num_pairs][dims]
  std::vector<uint16_t> minimum;        // [dims], fp16 bit patterns
  std::vector<uint16_t> scale;          // [dims], fp16 bit patterns
  std::vector<Correction> corrections;  // [num_pairs], or empty
  float correction_unit = 0.01F;
  bool operator==(const Latents&) const = default;
};

// How the decoder's pictures of kModelGrid become frames.
enum class FrameChain : uint8_t {
  kBicubic = 0,   // enlarged by PyTorch's bicubic kernel, offsets added, clamped, rounded half to even
  kPreimage = 1,  // WritePreimage: the nets read the picture itself
};

inline constexpr uint8_t kNumSelectorModes = 16;

// Everything that the sections store, decoded.
struct Scene {
  FrameSize frame_size = kContestFrameSize;  // of the frames to write
  DecoderShape shape;
  std::vector<Int8Tensor> tensors;  // in the state dict's order, as DecoderTensors() lists them
  Latents latents;
  FrameChain chain = FrameChain::kBicubic;
  // What kBicubic adds to red, green and blue of f0 and of f1: quarters of a grey level, -32 .. 31.75.
  std::array<std::array<float, 3>, 2> offsets{};
  std::vector<uint8_t> selector;  // a mode of each pair's f0 (FORMAT.md, "Frames"); empty: 0 for all
  bool operator==(const Scene&) const = default;
};

// kInvalidArgument unless chain, offsets and selector fit each other, the pairs and the frame size.
Status CheckFrames(const Scene& scene);
// kInvalidArgument, or kLimit for too many weights, unless the parts fit each other and are in the ranges above.
Status CheckScene(const Scene& scene, const Limits& limits);

// Sections decoder and latents. Errors as CheckScene().
Result<Member> EncodeScene(const Scene& scene, const CodingContext& context);
// The second of them alone, without a look at the decoder. REQUIRES: CheckScene() accepts the scene with its decoder.
Bytes EncodeLatentsSection(const Scene& scene);
// Also reads the archives of other programs (foreign/foreign.h).
Result<Scene> DecodeScene(const Member& member, const CodingContext& context);

// A scene as named tensors, and back; all but the frame size. kInvalidArgument lists everything that is wrong.
TensorFile TensorsOf(const Scene& scene);
Result<Scene> SceneOfTensors(const TensorFile& file, const Limits& limits);

// CodecFormat's functions. Tensors are listed in FORMAT.md, "Tensors".
Result<Description> Describe(const Member& member, DescribeDepth depth, const CodingContext& context);
Result<TensorFile> Unpack(const Member& member, const CodingContext& context);
Result<Member> Pack(const TensorFile& file, const PackOptions& options, const CodingContext& context);

}  // namespace kitsink::hnerv
