#include <string>

#include "archive/streams.h"

namespace kitsink {

Status CheckStreamsAgree(const MaskInfo& mask, const Track& pose, const WeightSet& weights,
                         const SelectorTable& selectors, Code code) {
  const auto differ = [code](const std::string& what, uint64_t got, const std::string& whose, uint64_t expected) {
    return Error{code, "archive: " + what + ": got " + std::to_string(got) + ", expected " + whose + " " +
                           std::to_string(expected)};
  };
  if (pose.num_rows != mask.count) return differ("rows of stream p", pose.num_rows, "the class maps'", mask.count);
  if (weights.shape.num_classes != mask.num_classes) {
    return differ("classes of stream w", weights.shape.num_classes, "the class maps'", mask.num_classes);
  }
  if (weights.shape.pose != pose.num_columns) {
    return differ("pose inputs of stream w", weights.shape.pose, "the columns of stream p,", pose.num_columns);
  }
  for (const Tail& tail : selectors.tails) {
    const std::string what = "codes of tail " + std::string(TailTag(tail.kind));
    const size_t expected = NumCodes(tail.kind, mask.count);
    const char* const rule = tail.kind == TailKind::kLossControl ? "one per six pairs," : "one per pair,";
    if (tail.codes.size() != expected) return differ(what, tail.codes.size(), rule, expected);
  }
  return Ok();
}

Result<Streams> SplitMember(std::span<const uint8_t> member, const Limits& limits) {
  Streams streams;
  KIT_ASSIGN(streams.header, ReadHeader(member, limits));
  const MemberHeader& header = streams.header;
  ByteReader reader(member.subspan(header.header_bytes()));
  streams.mask = reader.Take(header.mask_bytes);
  streams.weights = reader.Take(header.weights_bytes);
  streams.pose = reader.Take(header.pose_bytes);
  streams.selectors = reader.Take(header.selectors_bytes);
  KIT_TRY(reader.Finish("archive"));
  return streams;
}

Result<Bytes> EncodeMember(const Scene& scene, const ArchiveOptions& options, const Limits& limits,
                           Progress& progress) {
  const FrameSize size = scene.frame_size;
  if (size.width == 0 || size.height == 0 || size.width > limits.max_dimension || size.height > limits.max_dimension) {
    return Error{Code::kInvalidArgument, "archive: frames of " + std::to_string(size.width) + " x " +
                                             std::to_string(size.height) + ", expected 1 to " +
                                             std::to_string(limits.max_dimension)};
  }
  const MaskInfo info{scene.mask.width, scene.mask.height, scene.mask.count, scene.mask.num_classes, 0, 0};
  KIT_TRY(CheckStreamsAgree(info, scene.pose, scene.weights, scene.selectors, Code::kInvalidArgument));
  KIT_ASSIGN(const Bytes weights, EncodeWeights(scene.weights, limits));
  KIT_ASSIGN(const Bytes pose, EncodeTrack(scene.pose, limits));
  KIT_ASSIGN(const Bytes selectors, EncodeSelectors(scene.selectors));
  KIT_ASSIGN(const Bytes mask, EncodeMask(scene.mask, {options.mask_level, options.threads}, limits, progress));
  MemberHeader header;
  header.flags = kFlagSearch;
  if (!selectors.empty()) header.flags |= kFlagSelectors;
  if (scene.pose.kind == TrackKind::kUniformStep) header.flags |= kFlagUniformPose;
  header.frame_size = size;
  header.mask_bytes = mask.size();
  header.weights_bytes = weights.size();
  header.pose_bytes = pose.size();
  header.selectors_bytes = selectors.size();
  KIT_ASSIGN(Bytes member, WriteHeader(header));
  for (const Bytes* stream : {&mask, &weights, &pose, &selectors}) {
    member.insert(member.end(), stream->begin(), stream->end());
  }
  member[kCheckByte] = MemberCheck(member);
  if (member.size() > limits.max_member_bytes) {
    return Error{Code::kLimit, "archive: member of " + std::to_string(member.size()) + " bytes, limit " +
                                   std::to_string(limits.max_member_bytes)};
  }
  return member;
}

Result<Scene> DecodeMember(std::span<const uint8_t> member, int threads, const Limits& limits, Progress& progress) {
  KIT_ASSIGN(const Streams streams, SplitMember(member, limits));
  Scene scene;
  scene.frame_size = streams.header.frame_size;
  KIT_ASSIGN(const MaskInfo info, ReadMaskInfo(streams.mask, limits));
  KIT_ASSIGN(scene.pose, DecodeTrack(streams.pose, limits));
  if ((scene.pose.kind == TrackKind::kUniformStep) != ((streams.header.flags & kFlagUniformPose) != 0)) {
    return Error{Code::kCorrupt, "archive: header: flag 1 contradicts the version of stream p, at byte 1"};
  }
  KIT_ASSIGN(scene.weights, DecodeWeights(streams.weights, limits));
  KIT_ASSIGN(scene.selectors, DecodeSelectors(streams.selectors, limits));
  KIT_TRY(CheckStreamsAgree(info, scene.pose, scene.weights, scene.selectors, Code::kCorrupt));
  KIT_ASSIGN(scene.mask, DecodeMask(streams.mask, threads, limits, progress));
  return scene;
}

Result<ArchiveAnatomy> ReadAnatomy(std::span<const uint8_t> member, const Limits& limits) {
  KIT_ASSIGN(const MemberHeader header, ReadHeader(member, limits));
  ArchiveAnatomy anatomy;
  anatomy.member_bytes = member.size();
  anatomy.header_bytes = header.header_bytes();
  anatomy.mask_bytes = header.mask_bytes;
  anatomy.weights_bytes = header.weights_bytes;
  anatomy.pose_bytes = header.pose_bytes;
  anatomy.selectors_bytes = header.selectors_bytes;
  return anatomy;
}

Result<MemberDescription> DescribeMember(std::span<const uint8_t> member, bool measure_maps, int threads,
                                         const Limits& limits, Progress& progress) {
  MemberDescription description;
  KIT_ASSIGN(description.anatomy, ReadAnatomy(member, limits));
  KIT_ASSIGN(const Streams streams, SplitMember(member, limits));
  description.frame_size = streams.header.frame_size;
  KIT_ASSIGN(description.mask, ReadMaskInfo(streams.mask, limits));
  KIT_ASSIGN(const Track pose, DecodeTrack(streams.pose, limits));
  KIT_ASSIGN(const WeightSet weights, DecodeWeights(streams.weights, limits));
  KIT_ASSIGN(const SelectorTable selectors, DecodeSelectors(streams.selectors, limits));
  KIT_TRY(CheckStreamsAgree(description.mask, pose, weights, selectors, Code::kCorrupt));
  description.pose_kind = pose.kind;
  description.pose_columns = pose.num_columns;
  description.generator = weights.shape;
  KIT_ASSIGN(description.pose_parts, MeasureTrack(streams.pose, limits));
  KIT_ASSIGN(description.weights_parts, MeasureWeights(streams.weights, limits));
  description.selectors_parts = MeasureSelectors(selectors);
  for (const TensorSpec& spec : GeneratorTensors(weights.shape)) description.num_weights += spec.num_values();
  if (measure_maps) {
    KIT_ASSIGN(MeasuredMask maps, MeasureMask(streams.mask, threads, limits, progress));
    description.mask_parts = std::move(maps.parts);
    description.map_bits = std::move(maps.map_bits);
  }
  return description;
}

Status CheckSearchable(const Scene& scene) {
  if (scene.mask.width != kModelGrid.width || scene.mask.height != kModelGrid.height || scene.mask.num_classes != 5) {
    return Error{Code::kUnsupported, "archive: class maps of " + std::to_string(scene.mask.width) + " x " +
                                         std::to_string(scene.mask.height) + " with " +
                                         std::to_string(scene.mask.num_classes) +
                                         " classes, the search needs 512 x 384 with 5"};
  }
  if (scene.pose.num_columns != 6) {
    return Error{Code::kUnsupported,
                 "archive: poses of " + std::to_string(scene.pose.num_columns) + " values, the search needs 6"};
  }
  return Ok();
}

}  // namespace kitsink
