// Converts a scene to named tensors and back (FORMAT.md, "Tensors").

#include <algorithm>
#include <string>
#include <utility>

#include "codecs/search/scene.h"

namespace kitsink::search {
namespace {

constexpr uint64_t kAnyNumber = UINT64_MAX;  // of values
constexpr int64_t kAnySize = -1;             // of a dimension
constexpr const char* kMaps = "maps";
constexpr const char* kPoseCodes = "poses.codes";
constexpr const char* kPoseSteps = "poses.steps_per_unit";
constexpr const char* kPoseMinimum = "poses.minimum";
constexpr const char* kPoseScale = "poses.scale";
constexpr TailKind kTails[] = {TailKind::kStartSeed, TailKind::kPoseFactor, TailKind::kLossControl};

std::string WeightName(const std::string& name) { return "generator." + name; }
std::string TailName(TailKind kind) { return "selectors." + std::string(TailTag(kind)); }

std::vector<int64_t> ShapeOf(const TensorSpec& spec) { return {spec.shape.begin(), spec.shape.end()}; }

void AddPoses(const Track& pose, TensorFile& file) {
  file.tensors[kPoseCodes] = MakeTensor({pose.num_rows, pose.num_columns}, std::span<const int32_t>(pose.values));
  if (pose.kind == TrackKind::kUniformStep) {
    const auto steps = static_cast<int32_t>(pose.steps_per_unit);
    file.tensors[kPoseSteps] = MakeTensor({1}, std::span(&steps, 1));
    return;
  }
  const auto columns = static_cast<int64_t>(pose.minimum.size());
  file.tensors[kPoseMinimum] = MakeTensor({columns}, std::span<const float>(pose.minimum));
  file.tensors[kPoseScale] = MakeTensor({columns}, std::span<const float>(pose.scale));
}

void AddWeights(const WeightSet& weights, TensorFile& file) {
  const std::vector<TensorSpec> specs = GeneratorTensors(weights.shape);
  for (size_t i = 0; i < specs.size(); ++i) {
    const std::string name = WeightName(specs[i].name);
    const QuantizedTensor& tensor = weights.tensors[i];
    if (specs[i].kind != TensorKind::kFp4) {
      file.tensors[name] = MakeHalfTensor(ShapeOf(specs[i]), tensor.halves);
      continue;
    }
    file.tensors[name + ".codes"] = MakeTensor(ShapeOf(specs[i]), std::span<const uint8_t>(tensor.codes));
    file.tensors[name + ".scales"] = MakeHalfTensor({static_cast<int64_t>(tensor.scales.size())}, tensor.scales);
  }
}

void TakeMaps(TensorTaker& taker, const Limits& limits, MaskClip& mask) {
  const FileTensor* const maps = taker.Take(kMaps, "U8", {-1, -1, -1}, limits.max_map_bytes);
  if (maps == nullptr) return;
  mask.count = static_cast<uint32_t>(maps->shape[0]);
  mask.height = static_cast<uint32_t>(maps->shape[1]);
  mask.width = static_cast<uint32_t>(maps->shape[2]);
  mask.ids = maps->data;
}

// Takes the pose codes, and the steps or, for version 1, minimum and scale.
void TakePoses(TensorTaker& taker, const Limits& limits, int64_t num_pairs, Track& pose) {
  const FileTensor* const codes =
      taker.Take(kPoseCodes, "I32", {num_pairs, -1}, uint64_t{limits.max_pairs} * limits.max_track_dims);
  if (codes != nullptr) {
    pose.num_rows = static_cast<uint32_t>(codes->shape[0]);
    pose.num_columns = static_cast<uint32_t>(codes->shape[1]);
    pose.values = Int32sOf(*codes);
  }
  if (!taker.Has(kPoseMinimum) && !taker.Has(kPoseScale)) {
    const FileTensor* const steps = taker.Take(kPoseSteps, "I32", {1}, 1);
    if (steps != nullptr) pose.steps_per_unit = static_cast<uint32_t>(Int32sOf(*steps)[0]);
    return;
  }
  pose.kind = TrackKind::kHalfAndBytes;
  const int64_t columns = codes != nullptr ? codes->shape[1] - 1 : kAnySize;
  for (const auto& [name, values] : {std::pair{kPoseMinimum, &pose.minimum}, {kPoseScale, &pose.scale}}) {
    const FileTensor* const tensor = taker.Take(name, "F32", {columns}, kAnyNumber);
    if (tensor != nullptr) *values = FloatsOf(*tensor);
  }
}

// Reads the widths that determine all shapes from the tensors that have them. Notes an error and returns false when one
// of these tensors is missing.
bool TakeShape(const TensorFile& file, const Limits& limits, TensorTaker& taker, GeneratorShape& shape) {
  bool found_all = true;
  // `widths` has one entry for each dimension of the tensor.
  const auto read = [&](const std::string& name, const std::vector<uint32_t*>& widths) {
    const FileTensor* const tensor = file.Find(WeightName(name));
    if (tensor == nullptr || tensor->shape.size() != widths.size()) {
      taker.Complain(WeightName(name) + (tensor == nullptr
                                             ? std::string(" is missing")
                                             : " does not have " + std::to_string(widths.size()) + " dimensions"));
      found_all = false;
      return;
    }
    for (size_t axis = 0; axis < widths.size(); ++axis) {
      *widths[axis] = static_cast<uint32_t>(std::clamp<int64_t>(tensor->shape[axis], 0, UINT16_MAX));
    }
  };
  read("shared_trunk.embedding.weight", {&shape.num_classes, &shape.embedding});
  read("shared_trunk.stem_conv.pw.bias", {&shape.trunk});
  read("shared_trunk.down_conv.pw.bias", {&shape.down});
  read("pose_mlp.0.weight", {&shape.condition, &shape.pose});
  read("frame1_head.pre.pw.bias", {&shape.head});
  if (!found_all) return false;
  if (const Status status = CheckGeneratorShape(shape, limits); !status.ok()) {
    taker.Complain(status.error().message);
    return false;
  }
  return true;
}

void TakeWeights(const TensorFile& file, const Limits& limits, TensorTaker& taker, WeightSet& weights) {
  if (!TakeShape(file, limits, taker, weights.shape)) {
    taker.Pass(WeightName(""));
    return;
  }
  for (const TensorSpec& spec : GeneratorTensors(weights.shape)) {
    const std::string name = WeightName(spec.name);
    QuantizedTensor tensor;
    if (spec.kind == TensorKind::kFp4) {
      const FileTensor* const codes = taker.Take(name + ".codes", "U8", ShapeOf(spec), kAnyNumber);
      const FileTensor* const scales =
          taker.Take(name + ".scales", "F16", {static_cast<int64_t>(NumBlocks(spec.num_values()))}, kAnyNumber);
      if (codes == nullptr || scales == nullptr) continue;
      tensor.codes = codes->data;
      tensor.scales = HalfPatternsOf(*scales);
    } else {
      const FileTensor* const halves = taker.Take(name, "F16", ShapeOf(spec), kAnyNumber);
      if (halves == nullptr) continue;
      tensor.halves = HalfPatternsOf(*halves);
    }
    if (const Status status = CheckTensor(spec, tensor); !status.ok()) taker.Complain(status.error().message);
    weights.tensors.push_back(std::move(tensor));
  }
}

void TakeSelectors(TensorTaker& taker, size_t num_pairs, SelectorTable& table) {
  for (const TailKind kind : kTails) {
    if (!taker.Has(TailName(kind))) continue;
    const int64_t count = num_pairs == 0 ? kAnySize : static_cast<int64_t>(NumCodes(kind, num_pairs));
    const FileTensor* const codes = taker.Take(TailName(kind), "U8", {count}, kAnyNumber);
    if (codes == nullptr) continue;
    for (const uint8_t code : codes->data) {
      if (code >> TailBits(kind) == 0) continue;
      taker.Complain(TailName(kind) + " holds code " + std::to_string(code) + ", expected less than " +
                     std::to_string(1 << TailBits(kind)));
      break;
    }
    table.tails.push_back({kind, codes->data});
  }
}

void CheckIds(const Scene& scene, TensorTaker& taker) {
  if (scene.mask.ids.empty()) return;
  const uint32_t largest = *std::max_element(scene.mask.ids.begin(), scene.mask.ids.end());
  if (largest >= scene.mask.num_classes) {
    taker.Complain(std::string(kMaps) + " holds id " + std::to_string(largest) + ", expected less than the " +
                   std::to_string(scene.mask.num_classes) + " classes of the embedding");
  }
}

}  // namespace

Result<TensorFile> Unpack(const Member& member, const CodingContext& context) {
  KIT_ASSIGN(const Scene scene, DecodeScene(member, context));
  TensorFile file;
  file.tensors[kMaps] =
      MakeTensor({scene.mask.count, scene.mask.height, scene.mask.width}, std::span<const uint8_t>(scene.mask.ids));
  AddPoses(scene.pose, file);
  AddWeights(scene.weights, file);
  for (const Tail& tail : scene.selectors.tails) {
    file.tensors[TailName(tail.kind)] =
        MakeTensor({static_cast<int64_t>(tail.codes.size())}, std::span<const uint8_t>(tail.codes));
  }
  return file;
}

Result<Member> Pack(const TensorFile& file, const PackOptions& options, const CodingContext& context) {
  TensorTaker taker(file);
  Scene scene;
  TakeMaps(taker, context.limits, scene.mask);
  TakePoses(taker, context.limits, scene.mask.count == 0 ? kAnySize : int64_t{scene.mask.count}, scene.pose);
  TakeWeights(file, context.limits, taker, scene.weights);
  TakeSelectors(taker, scene.mask.count, scene.selectors);
  scene.mask.num_classes = scene.weights.shape.num_classes;
  CheckIds(scene, taker);
  KIT_TRY(taker.Finish());
  return EncodeScene(scene, options.level, context);
}

}  // namespace kitsink::search
