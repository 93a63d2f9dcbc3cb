// Converts a scene to named tensors and back (FORMAT.md, "Tensors").

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "codecs/strict/scene.h"

namespace kitsink::strict {
namespace {

constexpr uint64_t kAnyNumber = UINT64_MAX;  // of values
constexpr int64_t kAnySize = -1;             // of a dimension
constexpr const char* kMaps = "maps";
constexpr const char* kRendererPrefix = "renderer.";
constexpr const char* kDilations = "renderer.dilations";
constexpr const char* kPreimage = "renderer.preimage";
constexpr const char* kBasis = "carrier.basis";
constexpr const char* kCoefficients = "carrier.coefficients";
constexpr const char* kLevels = "carrier.levels";
constexpr const char* kMotion = "carrier.motion";
constexpr const char* kSelector = "selector";

std::string CodesOf(const std::string& name) { return name + ".codes"; }
std::string ScalesOf(const std::string& name) { return name + ".scales"; }
std::vector<int64_t> ShapeOf(const TensorSpec& spec) { return {spec.shape.begin(), spec.shape.end()}; }

void AddRenderer(const Renderer& renderer, TensorFile& file) {
  const std::vector<TensorSpec> specs = RendererTensors(renderer.shape);
  for (size_t i = 0; i < specs.size(); ++i) {
    const std::string name = kRendererPrefix + specs[i].name;
    const QuantizedTensor& tensor = renderer.tensors[i];
    if (specs[i].kind == TensorKind::kHalf) {
      file.tensors[name] = MakeHalfTensor(ShapeOf(specs[i]), tensor.halves);
      continue;
    }
    const std::vector<int8_t> codes(tensor.codes.begin(), tensor.codes.end());
    file.tensors[CodesOf(name)] = MakeTensor(ShapeOf(specs[i]), std::span<const int8_t>(codes));
    file.tensors[ScalesOf(name)] = MakeHalfTensor({static_cast<int64_t>(tensor.scales.size())}, tensor.scales);
  }
  if (renderer.preimage) file.tensors[kPreimage] = MakeTensor({1}, std::span<const uint8_t>(std::array{uint8_t{1}}));
  const std::vector<uint8_t>& dilations = renderer.shape.dilations;
  if (dilations == UsualDilations(dilations.size())) return;
  file.tensors[kDilations] = MakeTensor({static_cast<int64_t>(dilations.size())}, std::span<const uint8_t>(dilations));
}

void AddCarrier(const Carrier& carrier, int64_t num_pairs, TensorFile& file) {
  const auto columns = [&carrier](size_t first, size_t count) {
    std::vector<int16_t> values;
    for (size_t at = first; at < carrier.coefficients.size(); at += carrier.num_terms()) {
      values.insert(values.end(), carrier.coefficients.begin() + static_cast<ptrdiff_t>(at),
                    carrier.coefficients.begin() + static_cast<ptrdiff_t>(at + count));
    }
    return values;
  };
  const size_t motion = carrier.motion_terms();
  if (carrier.moves) {
    file.tensors[kMotion] = MakeTensor({num_pairs, kMotionTerms}, std::span<const int16_t>(columns(0, motion)));
  }
  const int64_t atoms = carrier.num_atoms;
  if (atoms == 0) return;
  file.tensors[CodesOf(kBasis)] =
      MakeTensor({atoms, 3, carrier.grid_height, carrier.grid_width}, std::span<const int8_t>(carrier.basis));
  file.tensors[ScalesOf(kBasis)] = MakeTensor({atoms}, std::span<const float>(carrier.basis_scales));
  file.tensors[CodesOf(kCoefficients)] =
      MakeTensor({num_pairs, atoms}, std::span<const int16_t>(columns(motion, carrier.num_atoms)));
  file.tensors[ScalesOf(kCoefficients)] = MakeTensor({atoms}, std::span<const float>(carrier.coefficient_scales));
  const Carrier usual;
  if (carrier.grey == usual.grey && carrier.amplitude == usual.amplitude) return;
  const float levels[] = {carrier.grey, carrier.amplitude};
  file.tensors[kLevels] = MakeTensor({2}, std::span<const float>(levels));
}

void TakeMaps(TensorTaker& taker, const Limits& limits, MaskClip& mask) {
  const FileTensor* const maps = taker.Take(kMaps, "U8", {-1, -1, -1}, limits.max_map_bytes);
  if (maps == nullptr) return;
  mask.count = static_cast<uint32_t>(std::min<int64_t>(maps->shape[0], UINT32_MAX));
  mask.height = static_cast<uint32_t>(std::min<int64_t>(maps->shape[1], UINT32_MAX));
  mask.width = static_cast<uint32_t>(std::min<int64_t>(maps->shape[2], UINT32_MAX));
  mask.ids = maps->data;
}

// One more than the largest N of the names "renderer.blocks.N.", at most 9.
size_t CountBlocks(const TensorFile& file) {
  size_t count = 0;
  for (size_t block = 0; block <= 8; ++block) {
    const std::string prefix = kRendererPrefix + ("blocks." + std::to_string(block)) + ".";
    const auto first = file.tensors.lower_bound(prefix);
    if (first != file.tensors.end() && first->first.starts_with(prefix)) count = block + 1;
  }
  return count;
}

// Reads the numbers that determine all shapes from the tensors that have them. Notes an error and returns false when
// one of these tensors is missing or a number is out of range.
bool TakeShape(const TensorFile& file, const Limits& limits, TensorTaker& taker, RendererShape& shape) {
  bool found_all = true;
  const auto read = [&](const std::string& name, const std::vector<uint32_t*>& sizes) {
    const FileTensor* const tensor = file.Find(kRendererPrefix + name);
    if (tensor == nullptr || tensor->shape.size() != sizes.size()) {
      taker.Complain(kRendererPrefix + name +
                     (tensor == nullptr ? std::string(" is missing")
                                        : " does not have " + std::to_string(sizes.size()) + " dimensions"));
      found_all = false;
      return;
    }
    for (size_t axis = 0; axis < sizes.size(); ++axis) {
      *sizes[axis] = static_cast<uint32_t>(std::clamp<int64_t>(tensor->shape[axis], 0, UINT16_MAX + 1));
    }
  };
  read("token_embed.weight.codes", {&shape.num_classes, &shape.width});
  read("frame_embed.weight.codes", {&shape.num_pairs, &shape.frame_dims});
  if (!found_all) return false;
  const size_t num_blocks = CountBlocks(file);
  shape.dilations = UsualDilations(num_blocks);
  if (taker.Has(kDilations)) {
    const FileTensor* const dilations = taker.Take(kDilations, "U8", {static_cast<int64_t>(num_blocks)}, kAnyNumber);
    if (dilations != nullptr) shape.dilations = dilations->data;
  }
  if (const Status status = CheckRendererShape(shape, limits); !status.ok()) {
    taker.Complain(status.error().message +
                   ", as token_embed.weight.codes [classes,width], frame_embed.weight.codes "
                   "[pairs,columns] and the blocks' names say");
    return false;
  }
  return true;
}

void TakeRenderer(const TensorFile& file, const Limits& limits, TensorTaker& taker, Renderer& renderer) {
  if (!TakeShape(file, limits, taker, renderer.shape)) {
    taker.Pass(kRendererPrefix);
    return;
  }
  if (taker.Has(kPreimage)) {
    const FileTensor* const preimage = taker.Take(kPreimage, "U8", {1}, 1);
    if (preimage != nullptr) renderer.preimage = preimage->data[0] != 0;
    if (preimage != nullptr && preimage->data[0] > 1) {
      taker.Complain(kPreimage + (" is " + std::to_string(preimage->data[0])) + ", expected 0 or 1");
    }
  }
  for (const TensorSpec& spec : RendererTensors(renderer.shape)) {
    const std::string name = kRendererPrefix + spec.name;
    QuantizedTensor tensor;
    if (spec.kind == TensorKind::kHalf) {
      const FileTensor* const halves = taker.Take(name, "F16", ShapeOf(spec), kAnyNumber);
      if (halves == nullptr) continue;
      tensor.halves = HalfPatternsOf(*halves);
    } else {
      const FileTensor* const codes = taker.Take(CodesOf(name), "I8", ShapeOf(spec), kAnyNumber);
      const FileTensor* const scales =
          taker.Take(ScalesOf(name), "F16", {static_cast<int64_t>(NumScales(spec))}, kAnyNumber);
      if (codes == nullptr || scales == nullptr) continue;
      tensor.codes = codes->data;  // two's complement in both
      tensor.scales = HalfPatternsOf(*scales);
    }
    TensorSpec named = spec;
    named.name = name;
    if (const Status status = CheckTensor(named, tensor); !status.ok()) taker.Complain(status.error().message);
    renderer.tensors.push_back(std::move(tensor));
  }
}

// Rows of a, each followed by that of b; empty unless both have as many.
std::vector<int16_t> BesideEachOther(std::span<const int16_t> a, size_t a_columns, std::span<const int16_t> b,
                                     size_t b_columns) {
  std::vector<int16_t> rows;
  if (b_columns == 0 || a.size() / a_columns != b.size() / b_columns) return rows;
  for (size_t row = 0; row < a.size() / a_columns; ++row) {
    const auto append = [&rows, row](std::span<const int16_t> from, size_t columns) {
      const auto part = from.subspan(row * columns, columns);
      rows.insert(rows.end(), part.begin(), part.end());
    };
    append(a, a_columns);
    append(b, b_columns);
  }
  return rows;
}

void TakeCarrier(TensorTaker& taker, int64_t num_pairs, Carrier& carrier) {
  std::vector<int16_t> motions, weights;
  carrier.moves = taker.Has(kMotion);
  if (carrier.moves) {
    const FileTensor* const motion = taker.Take(kMotion, "I16", {num_pairs, kMotionTerms}, kAnyNumber);
    if (motion != nullptr) motions = Int16sOf(*motion);
    carrier.coefficients = motions;
    if (!taker.Has(CodesOf(kBasis))) return;
  }
  const FileTensor* const basis = taker.Take(CodesOf(kBasis), "I8", {-1, 3, -1, -1}, kAnyNumber);
  int64_t atoms = kAnySize;
  if (basis != nullptr) {
    atoms = basis->shape[0];
    carrier.num_atoms = static_cast<uint32_t>(std::min<int64_t>(atoms, UINT32_MAX));
    carrier.grid_height = static_cast<uint32_t>(std::min<int64_t>(basis->shape[2], UINT32_MAX));
    carrier.grid_width = static_cast<uint32_t>(std::min<int64_t>(basis->shape[3], UINT32_MAX));
    carrier.basis = Int8sOf(*basis);
    if (const Status status = CheckCarrierShape(carrier); !status.ok()) taker.Complain(status.error().message);
  }
  const FileTensor* const coefficients = taker.Take(CodesOf(kCoefficients), "I16", {num_pairs, atoms}, kAnyNumber);
  if (coefficients != nullptr) weights = Int16sOf(*coefficients);
  carrier.coefficients = carrier.moves ? BesideEachOther(motions, kMotionTerms, weights, carrier.num_atoms) : weights;
  for (const auto& [name, values] :
       {std::pair{kBasis, &carrier.basis_scales}, {kCoefficients, &carrier.coefficient_scales}}) {
    const FileTensor* const scales = taker.Take(ScalesOf(name), "F32", {atoms}, kAnyNumber);
    if (scales != nullptr) *values = FloatsOf(*scales);
  }
  if (carrier.moves || !taker.Has(kLevels)) return;
  const FileTensor* const levels = taker.Take(kLevels, "F32", {2}, 2);
  if (levels == nullptr) return;
  carrier.grey = FloatsOf(*levels)[0];
  carrier.amplitude = FloatsOf(*levels)[1];
}

// Notes what EncodeScene would refuse, so that all errors come at once.
void CheckParts(const Scene& scene, TensorTaker& taker) {
  const uint32_t pairs = scene.mask.count;
  if (const uint32_t rows = scene.renderer.shape.num_pairs; rows != 0 && pairs != 0 && rows != pairs) {
    taker.Complain("renderer.frame_embed.weight.codes has " + std::to_string(rows) + " rows, expected " +
                   std::to_string(pairs) + " as maps has pairs");
  }
  const auto finite = [&taker](const std::string& name, std::span<const float> values) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) continue;
      taker.Complain(name + " is not finite at index " + std::to_string(i));
      return;
    }
  };
  finite(ScalesOf(kBasis), scene.carrier.basis_scales);
  finite(ScalesOf(kCoefficients), scene.carrier.coefficient_scales);
  const float levels[] = {scene.carrier.grey, scene.carrier.amplitude};
  finite(kLevels, levels);
  for (size_t i = 0; i < scene.selector.size(); ++i) {
    if (scene.selector[i] < 8) continue;
    taker.Complain(std::string(kSelector) + " holds mode " + std::to_string(scene.selector[i]) + " at pair " +
                   std::to_string(i) + ", expected 0 to 7");
    break;
  }
}

// Without a selector, no pair has a mode.
void TakeSelector(TensorTaker& taker, int64_t num_pairs, Scene& scene) {
  scene.selector.assign(scene.mask.count, 0);
  if (!taker.Has(kSelector)) return;
  const FileTensor* const selector = taker.Take(kSelector, "U8", {num_pairs}, kAnyNumber);
  if (selector != nullptr) scene.selector = selector->data;
}

void CheckIds(const Scene& scene, TensorTaker& taker) {
  if (scene.mask.ids.empty() || !taker.Has(kRendererPrefix + std::string("token_embed.weight.codes"))) return;
  const uint32_t largest = *std::max_element(scene.mask.ids.begin(), scene.mask.ids.end());
  if (largest < scene.renderer.shape.num_classes) return;
  taker.Complain(std::string(kMaps) + " holds id " + std::to_string(largest) + ", expected less than the " +
                 std::to_string(scene.renderer.shape.num_classes) + " rows of token_embed");
}

}  // namespace

TensorFile TensorsOf(const Scene& scene) {
  TensorFile file;
  file.tensors[kMaps] =
      MakeTensor({scene.mask.count, scene.mask.height, scene.mask.width}, std::span<const uint8_t>(scene.mask.ids));
  AddRenderer(scene.renderer, file);
  AddCarrier(scene.carrier, scene.mask.count, file);
  file.tensors[kSelector] =
      MakeTensor({static_cast<int64_t>(scene.selector.size())}, std::span<const uint8_t>(scene.selector));
  return file;
}

Result<TensorFile> Unpack(const Member& member, const CodingContext& context) {
  KIT_ASSIGN(const Scene scene, DecodeScene(member, context));
  return TensorsOf(scene);
}

Result<Scene> SceneOfTensors(const TensorFile& file, const Limits& limits) {
  TensorTaker taker(file);
  Scene scene;
  TakeMaps(taker, limits, scene.mask);
  const int64_t num_pairs = scene.mask.count == 0 ? kAnySize : int64_t{scene.mask.count};
  TakeRenderer(file, limits, taker, scene.renderer);
  TakeCarrier(taker, num_pairs, scene.carrier);
  TakeSelector(taker, num_pairs, scene);
  scene.mask.num_classes = scene.renderer.shape.num_classes;
  CheckIds(scene, taker);
  CheckParts(scene, taker);
  KIT_TRY(taker.Finish());
  return scene;
}

Result<Member> Pack(const TensorFile& file, const PackOptions& options, const CodingContext& context) {
  KIT_ASSIGN(Scene scene, SceneOfTensors(file, context.limits));
  scene.frame_size = options.frame_size;
  return EncodeScene(scene, options.level, context);
}

}  // namespace kitsink::strict
