#pragma once
// Codec search: everything that an archive stores about a clip, and its sections (FORMAT.md).

#include <cstdint>
#include <vector>

#include "codecs/search/generator_weights.h"
#include "codecs/search/selectors.h"
#include "kitsink/archive.h"
#include "kitsink/coding.h"
#include "kitsink/mask.h"
#include "kitsink/pose.h"
#include "kitsink/tensors.h"

namespace kitsink::search {

inline constexpr CodecId kCodecId = kVersion1Codec;

// Everything that the sections store, decoded. pose.num_rows == mask.count.
struct Scene {
  FrameSize frame_size = kContestFrameSize;  // of the frames to write
  MaskClip mask;
  Track pose;
  WeightSet weights;
  SelectorTable selectors;
  bool operator==(const Scene&) const = default;
};

// Sections m, w, p, r. `mask_level` is MaskOptions::level.
Result<Member> EncodeScene(const Scene& scene, int mask_level, const CodingContext& context);
Result<Scene> DecodeScene(const Member& member, const CodingContext& context);

// kUnsupported unless inflate can search the scene: 512 x 384 maps of 5 classes, 6 values a pose.
Status CheckSearchable(const Scene& scene);

// CodecFormat's functions. Tensors are listed in FORMAT.md, "Tensors".
Result<Description> Describe(const Member& member, DescribeDepth depth, const CodingContext& context);
Result<TensorFile> Unpack(const Member& member, const CodingContext& context);
Result<Member> Pack(const TensorFile& file, const PackOptions& options, const CodingContext& context);

}  // namespace kitsink::search
