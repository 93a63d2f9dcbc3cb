#pragma once
// Codec strict: everything that an archive stores about a clip, and its sections (FORMAT.md).

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/coding.h"
#include "kitsink/mask.h"
#include "kitsink/tensors.h"
#include "kitsink/weights.h"

namespace kitsink::strict {

inline constexpr CodecId kCodecId = 2;

// The dilations that a renderer of `num_blocks` blocks has unless it says otherwise: 1, 1, 2, 4, and again.
std::vector<uint8_t> UsualDilations(size_t num_blocks);

// The network that renders f1 from a class map and the pair's row of an embedding.
struct RendererShape {
  uint32_t num_classes = 5;                            // rows of token_embed
  uint32_t num_pairs = 0;                              // rows of frame_embed
  uint32_t width = 96;                                 // channels, a multiple of 8, 16 .. 128
  uint32_t frame_dims = 8;                             // columns of frame_embed, 1 .. 64
  std::vector<uint8_t> dilations = UsualDilations(4);  // of the 3 x 3 convolutions of 1 .. 8 blocks, each 1 .. 16
  bool operator==(const RendererShape&) const = default;
};

struct Renderer {
  RendererShape shape;
  // How the network's picture becomes f1: false, enlarged bilinearly; true, as its pre-image (WritePreimage), so that
  // the nets read the picture itself. True asks for maps of kModelGrid and a frame with HasPrivateTaps.
  bool preimage = false;
  std::vector<QuantizedTensor> tensors;  // in the order of RendererTensors(shape)
  bool operator==(const Renderer&) const = default;
};

// Terms of the affine motion that makes f0 of f1's picture (motion.h).
inline constexpr uint32_t kMotionTerms = 6;

// What makes PoseNet read the pair's pose: f0 as f1's picture under a motion, or as grey, and a weighted sum of small
// pictures (atoms) added to it.
struct Carrier {
  bool moves = true;                           // false: grey; then there are atoms
  uint32_t num_atoms = 0;                      // 0 .. 32
  uint32_t grid_height = 24, grid_width = 32;  // of an atom, each 1 .. 128
  std::vector<int8_t> basis;                   // [num_atoms][3][grid_height][grid_width]
  std::vector<float> basis_scales;             // [num_atoms]
  std::vector<int16_t> coefficients;           // [pairs][num_terms()]: the motion's terms, then a weight of each atom
  std::vector<float> coefficient_scales;       // [num_atoms]
  float grey = 127.5F, amplitude = 64.0F;      // of a sum of atoms; as they are here where f1's picture moves
  uint32_t motion_terms() const { return moves ? kMotionTerms : 0; }
  uint32_t num_terms() const { return motion_terms() + num_atoms; }
  bool operator==(const Carrier&) const = default;
};

// Everything that the sections store, decoded. The maps, frame_embed, the coefficients and the selector have as many
// pairs.
struct Scene {
  FrameSize frame_size = kContestFrameSize;  // of the frames to write
  MaskClip mask;
  Renderer renderer;
  Carrier carrier;
  std::vector<uint8_t> selector;  // a mode of each pair, 0 .. 7 (FORMAT.md, "Frames")
  bool operator==(const Scene&) const = default;
};

// The renderer's tensors in stream order. Kinds of codes are their statistics numbers.
std::vector<TensorSpec> RendererTensors(const RendererShape& shape);
inline constexpr std::array<std::string_view, 7> kCodeNames = {"token_embed", "frame_embed", "coord_mix", "dw",
                                                               "pw",          "film",        "head"};

// kInvalidArgument, or kLimit for too many weights, unless the shapes are in the ranges above.
Status CheckRendererShape(const RendererShape& shape, const Limits& limits);
Status CheckCarrierShape(const Carrier& carrier);
// kInvalidArgument when the pre-image is asked for and a size does not allow it.
Status CheckPreimage(const Renderer& renderer, FrameSize map_size, FrameSize frame_size);

// Sections maps, renderer, carrier. `mask_level` is MaskOptions::level. kInvalidArgument for a scene whose parts do not
// fit each other.
Result<Member> EncodeScene(const Scene& scene, int mask_level, const CodingContext& context);
Result<Scene> DecodeScene(const Member& member, const CodingContext& context);

// A scene as named tensors, and back; all but the frame size. kInvalidArgument lists everything that is wrong.
TensorFile TensorsOf(const Scene& scene);
Result<Scene> SceneOfTensors(const TensorFile& file, const Limits& limits);

// CodecFormat's functions. Tensors are listed in FORMAT.md, "Tensors".
Result<Description> Describe(const Member& member, DescribeDepth depth, const CodingContext& context);
Result<TensorFile> Unpack(const Member& member, const CodingContext& context);
Result<Member> Pack(const TensorFile& file, const PackOptions& options, const CodingContext& context);

}  // namespace kitsink::strict
