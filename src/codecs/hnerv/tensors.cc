// Converts a scene to named tensors and back (FORMAT.md, "Tensors").

#include <algorithm>
#include <string>
#include <utility>

#include "codecs/hnerv/decoder_section.h"
#include "codecs/hnerv/latents_section.h"
#include "codecs/hnerv/scene.h"

namespace kitsink::hnerv {
namespace {

constexpr uint64_t kAnyNumber = UINT64_MAX;  // of values
constexpr const char* kDecoderPrefix = "decoder.";
constexpr const char* kCodes = "latents.codes";
constexpr const char* kMinima = "latents.minima";
constexpr const char* kScales = "latents.scales";
constexpr const char* kCorrectedDims = "latents.corrections.dims";
constexpr const char* kCorrectionSteps = "latents.corrections.steps";
constexpr const char* kCorrectionUnit = "latents.corrections.unit";
constexpr const char* kPreimageFlag = "frames.preimage";
constexpr const char* kOffsets = "frames.offsets";
constexpr const char* kSelector = "selector";

std::string CodesOf(const std::string& name) { return kDecoderPrefix + name + ".codes"; }
std::string ScaleOf(const std::string& name) { return kDecoderPrefix + name + ".scale"; }

// As PyTorch shapes it.
std::vector<int64_t> ShapeOf(const DecoderTensor& tensor) {
  const Int8Layout& layout = tensor.layout;
  if (tensor.name.ends_with(".bias")) return {layout.rows};
  if (layout.grid_height > 0) return {layout.rows, layout.columns};
  return {layout.rows, layout.columns, layout.kernel_height, layout.kernel_width};
}

// The values of the type that has so many bits.
template <typename Member>
std::vector<Member> Pick(const std::vector<Correction>& corrections, Member Correction::*member) {
  std::vector<Member> values;
  for (const Correction& correction : corrections) values.push_back(correction.*member);
  return values;
}

// Reads the numbers that determine all shapes. Notes an error and returns false when one is missing or out of range.
bool TakeShape(const TensorFile& file, const Limits& limits, TensorTaker& taker, DecoderShape& shape) {
  bool found_all = true;
  const auto read = [&](const std::string& layer, size_t axes, size_t axis) {
    const std::string name = CodesOf(layer + ".weight");
    const FileTensor* const tensor = file.Find(name);
    if (tensor != nullptr && tensor->shape.size() == axes) {
      return static_cast<uint32_t>(std::clamp<int64_t>(tensor->shape[axis], 0, UINT16_MAX));
    }
    taker.Complain(name + (tensor == nullptr ? std::string(" is missing")
                                             : " does not have " + std::to_string(axes) + " dimensions"));
    found_all = false;
    return 0U;
  };
  shape.latent_dims = read("stem", 2, 1);
  for (size_t i = 0; i < kNumStages; ++i) shape.channels[i] = read("blocks." + std::to_string(i), 4, 1);
  shape.channels[kNumStages] = read("rgb_0", 4, 1);
  if (!found_all) return false;
  const Status status = CheckDecoderShape(shape, limits);
  if (!status.ok()) {
    taker.Complain(status.error().message + ", as the second dimensions of stem, blocks.N and rgb_0 say");
  }
  return status.ok();
}

void TakeDecoder(const TensorFile& file, const Limits& limits, TensorTaker& taker, Scene& scene) {
  if (!TakeShape(file, limits, taker, scene.shape)) {
    taker.Pass(kDecoderPrefix);
    return;
  }
  for (const DecoderTensor& spec : DecoderTensors(scene.shape)) {
    Int8Tensor& tensor = scene.tensors.emplace_back();
    const FileTensor* const codes = taker.Take(CodesOf(spec.name), "I8", ShapeOf(spec), kAnyNumber);
    const FileTensor* const scale = taker.Take(ScaleOf(spec.name), "F32", {1}, 1);
    if (codes != nullptr) tensor.codes = Int8sOf(*codes);
    if (scale != nullptr) tensor.scale = FloatsOf(*scale)[0];
  }
}

void TakeCorrections(TensorTaker& taker, int64_t num_pairs, Latents& latents) {
  if (!taker.Has(kCorrectedDims) && !taker.Has(kCorrectionSteps) && !taker.Has(kCorrectionUnit)) return;
  const FileTensor* const dims = taker.Take(kCorrectedDims, "U8", {num_pairs}, kAnyNumber);
  const FileTensor* const steps = taker.Take(kCorrectionSteps, "I8", {num_pairs}, kAnyNumber);
  if (dims != nullptr && steps != nullptr) {
    const std::vector<int8_t> values = Int8sOf(*steps);
    for (size_t i = 0; i < values.size(); ++i) latents.corrections.push_back({dims->data[i], values[i]});
  }
  if (!taker.Has(kCorrectionUnit)) return;
  const FileTensor* const unit = taker.Take(kCorrectionUnit, "F32", {1}, 1);
  if (unit != nullptr) latents.correction_unit = FloatsOf(*unit)[0];
}

void TakeLatents(const Limits& limits, TensorTaker& taker, Latents& latents) {
  const FileTensor* const codes =
      taker.Take(kCodes, "U8", {-1, -1}, uint64_t{limits.max_pairs} * limits.max_track_dims);
  int64_t pairs = -1, dims = -1;
  if (codes != nullptr) {
    pairs = codes->shape[0];
    dims = codes->shape[1];
    latents.num_pairs = static_cast<uint32_t>(pairs);
    latents.dims = static_cast<uint32_t>(dims);
    latents.codes = codes->data;
  }
  for (const auto& [name, values] : {std::pair{kMinima, &latents.minimum}, {kScales, &latents.scale}}) {
    const FileTensor* const halves = taker.Take(name, "F16", {dims}, kAnyNumber);
    if (halves != nullptr) *values = HalfPatternsOf(*halves);
  }
  TakeCorrections(taker, pairs, latents);
}

void TakeFrames(TensorTaker& taker, Scene& scene) {
  if (taker.Has(kPreimageFlag)) {
    const FileTensor* const flag = taker.Take(kPreimageFlag, "U8", {1}, 1);
    if (flag != nullptr && flag->data[0] == 1) scene.chain = FrameChain::kPreimage;
    if (flag != nullptr && flag->data[0] > 1) {
      taker.Complain(kPreimageFlag + (" is " + std::to_string(flag->data[0])) + ", expected 0 or 1");
    }
  }
  if (taker.Has(kOffsets)) {
    const FileTensor* const offsets = taker.Take(kOffsets, "F32", {2, 3}, 6);
    if (offsets != nullptr) {
      const std::vector<float> values = FloatsOf(*offsets);
      for (size_t i = 0; i < values.size(); ++i) scene.offsets[i / 3][i % 3] = values[i];
    }
  }
  if (!taker.Has(kSelector)) return;
  const int64_t pairs = scene.latents.num_pairs == 0 ? -1 : int64_t{scene.latents.num_pairs};
  const FileTensor* const selector = taker.Take(kSelector, "U8", {pairs}, kAnyNumber);
  if (selector != nullptr) scene.selector = selector->data;
}

}  // namespace

TensorFile TensorsOf(const Scene& scene) {
  TensorFile file;
  const std::vector<DecoderTensor> specs = DecoderTensors(scene.shape);
  for (size_t i = 0; i < specs.size(); ++i) {
    const Int8Tensor& tensor = scene.tensors[i];
    file.tensors[CodesOf(specs[i].name)] = MakeTensor(ShapeOf(specs[i]), std::span<const int8_t>(tensor.codes));
    file.tensors[ScaleOf(specs[i].name)] = MakeTensor({1}, std::span<const float>(&tensor.scale, 1));
  }
  const Latents& latents = scene.latents;
  const int64_t pairs = latents.num_pairs, dims = latents.dims;
  file.tensors[kCodes] = MakeTensor({pairs, dims}, std::span<const uint8_t>(latents.codes));
  file.tensors[kMinima] = MakeHalfTensor({dims}, latents.minimum);
  file.tensors[kScales] = MakeHalfTensor({dims}, latents.scale);
  if (!latents.corrections.empty()) {
    const std::vector<uint8_t> corrected = Pick(latents.corrections, &Correction::dim);
    const std::vector<int8_t> steps = Pick(latents.corrections, &Correction::steps);
    file.tensors[kCorrectedDims] = MakeTensor({pairs}, std::span<const uint8_t>(corrected));
    file.tensors[kCorrectionSteps] = MakeTensor({pairs}, std::span<const int8_t>(steps));
    file.tensors[kCorrectionUnit] = MakeTensor({1}, std::span<const float>(&latents.correction_unit, 1));
  }
  if (scene.chain == FrameChain::kPreimage) {
    constexpr uint8_t kOne = 1;
    file.tensors[kPreimageFlag] = MakeTensor({1}, std::span<const uint8_t>(&kOne, 1));
  }
  if (scene.offsets != Scene().offsets) {
    std::vector<float> offsets;
    for (const auto& colours : scene.offsets) offsets.insert(offsets.end(), colours.begin(), colours.end());
    file.tensors[kOffsets] = MakeTensor({2, 3}, std::span<const float>(offsets));
  }
  if (!scene.selector.empty()) {
    file.tensors[kSelector] = MakeTensor({pairs}, std::span<const uint8_t>(scene.selector));
  }
  return file;
}

Result<Scene> SceneOfTensors(const TensorFile& file, const Limits& limits) {
  TensorTaker taker(file);
  Scene scene;
  TakeDecoder(file, limits, taker, scene);
  TakeLatents(limits, taker, scene.latents);
  TakeFrames(taker, scene);
  KIT_TRY(taker.Finish());
  // What depends on the frame size is checked when the scene is encoded.
  Scene large = scene;
  large.frame_size = {limits.max_dimension, limits.max_dimension};
  KIT_TRY(CheckScene(large, limits));
  return scene;
}

}  // namespace kitsink::hnerv
