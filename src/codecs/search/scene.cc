// Encodes a scene as sections and decodes it.

#include "codecs/search/scene.h"

#include <cstdio>
#include <string>
#include <utility>

namespace kitsink::search {
namespace {

enum Section : size_t { kMask, kWeights, kPose, kSelectors };

constexpr uint8_t kFlagUniformPose = kCodecFlags;  // stream p is version 2

// Needs only the mask's head, so that it can run before the slow decoding of the maps. Errors have code `code`.
Status CheckSectionsAgree(const MaskInfo& mask, const Track& pose, const WeightSet& weights,
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

// Everything except the maps.
struct Rest {
  MaskInfo mask;
  Track pose;
  WeightSet weights;
  SelectorTable selectors;
};

Result<Rest> DecodeRest(const Member& member, const Limits& limits) {
  KIT_CHECK(member.codec == kCodecId && member.sections.size() == 4);
  Rest rest;
  KIT_ASSIGN(rest.mask, ReadMaskInfo(member.sections[kMask], limits));
  KIT_ASSIGN(rest.pose, DecodeTrack(member.sections[kPose], limits));
  if ((rest.pose.kind == TrackKind::kUniformStep) != ((member.flags & kFlagUniformPose) != 0)) {
    return Error{Code::kCorrupt, "archive: header: flag 1 contradicts the version of stream p, at byte 1"};
  }
  KIT_ASSIGN(rest.weights, DecodeWeights(member.sections[kWeights], limits));
  KIT_ASSIGN(rest.selectors, DecodeSelectors(member.sections[kSelectors], limits));
  KIT_TRY(CheckSectionsAgree(rest.mask, rest.pose, rest.weights, rest.selectors, Code::kCorrupt));
  return rest;
}

std::string Fixed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string FactsOf(const Rest& rest, uint64_t num_weights) {
  return "{\"class_maps\": " + MaskFacts(rest.mask) + ", \"pose_columns\": " + std::to_string(rest.pose.num_columns) +
         ", \"num_weights\": " + std::to_string(num_weights) + "}";
}

// The poses, column by column, and the selector tails.
std::vector<PairColumn> ColumnsOf(const Rest& rest) {
  std::vector<PairColumn> columns;
  const std::vector<float> values = DequantizeTrack(rest.pose);
  for (uint32_t column = 0; column < rest.pose.num_columns; ++column) {
    PairColumn pose{"pose " + std::to_string(column), "", {}};
    if (column == 0) {  // the one output of PoseNet whose meaning is plain
      pose.name += ", forward speed";
      pose.unit = "m/s";
    }
    for (size_t at = column; at < values.size(); at += rest.pose.num_columns) pose.values.push_back(values[at]);
    columns.push_back(std::move(pose));
  }
  for (const Tail& tail : rest.selectors.tails) {
    PairColumn codes{"selector " + std::string(TailTag(tail.kind)), "", {tail.codes.begin(), tail.codes.end()}};
    codes.pairs_each = tail.kind == TailKind::kLossControl ? kPairsPerLossControl : 1;
    codes.is_code = true;
    columns.push_back(std::move(codes));
  }
  return columns;
}

}  // namespace

Result<Member> EncodeScene(const Scene& scene, int mask_level, const CodingContext& context) {
  const MaskInfo info{scene.mask.width, scene.mask.height, scene.mask.count, scene.mask.num_classes, 0, 0};
  KIT_TRY(CheckSectionsAgree(info, scene.pose, scene.weights, scene.selectors, Code::kInvalidArgument));
  Member member;
  member.codec = kCodecId;
  member.frame_size = scene.frame_size;
  if (scene.pose.kind == TrackKind::kUniformStep) member.flags = kFlagUniformPose;
  member.sections.resize(4);
  KIT_ASSIGN(member.sections[kWeights], EncodeWeights(scene.weights, context.limits));
  KIT_ASSIGN(member.sections[kPose], EncodeTrack(scene.pose, context.limits));
  KIT_ASSIGN(member.sections[kSelectors], EncodeSelectors(scene.selectors));
  KIT_ASSIGN(member.sections[kMask], EncodeMask(scene.mask, {mask_level}, context.limits, *context.progress));
  return member;
}

Result<Scene> DecodeScene(const Member& member, const CodingContext& context) {
  KIT_ASSIGN(Rest rest, DecodeRest(member, context.limits));
  Scene scene;
  scene.frame_size = member.frame_size;
  scene.pose = std::move(rest.pose);
  scene.weights = std::move(rest.weights);
  scene.selectors = std::move(rest.selectors);
  KIT_ASSIGN(scene.mask, DecodeMask(member.sections[kMask], context.threads, context.limits, *context.progress));
  return scene;
}

Status CheckSearchable(const Scene& scene) {
  if (scene.mask.width != kModelGrid.width || scene.mask.height != kModelGrid.height ||
      scene.mask.num_classes != kNumClasses) {
    return Error{Code::kUnsupported, "archive: class maps of " + std::to_string(scene.mask.width) + " x " +
                                         std::to_string(scene.mask.height) + " with " +
                                         std::to_string(scene.mask.num_classes) +
                                         " classes, the search needs 512 x 384 with 5"};
  }
  if (scene.pose.num_columns != kPoseValues) {
    return Error{Code::kUnsupported,
                 "archive: poses of " + std::to_string(scene.pose.num_columns) + " values, the search needs 6"};
  }
  return Ok();
}

Result<Description> Describe(const Member& member, DescribeDepth depth, const CodingContext& context) {
  KIT_ASSIGN(const Rest rest, DecodeRest(member, context.limits));
  const std::vector<Bytes>& sections = member.sections;
  const MaskInfo& mask = rest.mask;
  const uint64_t num_weights = CountWeights(GeneratorTensors(rest.weights.shape));
  const auto size = [&sections](Section section) { return static_cast<double>(sections[section].size()); };
  Description description;
  description.num_pairs = mask.count;
  description.facts = FactsOf(rest, num_weights);
  std::vector<StreamPart> mask_parts;
  if (depth == DescribeDepth::kWhole) {
    KIT_ASSIGN(const Scene scene, DecodeScene(member, context));
    KIT_TRY(CheckSearchable(scene));
  } else if (depth == DescribeDepth::kMeasured) {
    KIT_ASSIGN(MeasuredMask maps, MeasureMask(sections[kMask], context.threads, context.limits, *context.progress));
    mask_parts = std::move(maps.parts);
    description.pair_bits = std::move(maps.map_bits);
    description.maps = std::move(maps.clip);
    description.columns = ColumnsOf(rest);
  }
  KIT_ASSIGN(std::vector<StreamPart> weights_parts, MeasureWeights(sections[kWeights], context.limits));
  KIT_ASSIGN(std::vector<StreamPart> pose_parts, MeasureTrack(sections[kPose], context.limits));
  std::vector<StreamPart> selectors_parts = MeasureSelectors(rest.selectors);
  const std::string weights = std::to_string(num_weights) + " weights of the generator" +
                              Fixed(", %.3f bits each", 8 * size(kWeights) / static_cast<double>(num_weights));
  const std::string poses = std::to_string(mask.count) + " poses of " + std::to_string(rest.pose.num_columns) +
                            " values, version " + std::to_string(static_cast<int>(rest.pose.kind)) +
                            Fixed(", %.2f bytes a pair", size(kPose) / mask.count);
  const std::string tails = std::to_string(rest.selectors.tails.size()) + " selector tails";
  description.sections = {
      {"m", "class maps", sections[kMask].size(), DescribeMask(mask, sections[kMask].size()), std::move(mask_parts)},
      {"w", "generator weights", sections[kWeights].size(), weights, std::move(weights_parts)},
      {"p", "poses", sections[kPose].size(), poses, std::move(pose_parts)},
      {"r", "selector tails", sections[kSelectors].size(), tails, std::move(selectors_parts)}};
  return description;
}

}  // namespace kitsink::search
