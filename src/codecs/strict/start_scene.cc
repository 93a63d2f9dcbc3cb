// Makes the scene that the first stage of compress starts from.

#include "codecs/strict/start_scene.h"

#include <algorithm>
#include <string>
#include <utility>

#include "codecs/strict/solve_carrier.h"
#include "kitsink/contest.h"
#include "kitsink/kernels.h"

namespace kitsink::strict {
namespace {

RendererShape ShapeFor(RendererSize size, uint64_t num_pairs) {
  // A short clip cannot earn back the 30 kB of the full renderer, because the rate term divides them by the bytes of a
  // short original.
  if (size == RendererSize::kAuto) {
    size = num_pairs < 64 ? RendererSize::kTiny : num_pairs < 300 ? RendererSize::kSmall : RendererSize::kFull;
  }
  RendererShape shape;
  shape.num_classes = kNumClasses;
  shape.num_pairs = static_cast<uint32_t>(num_pairs);
  if (size == RendererSize::kTiny) {
    shape.width = 16;
    shape.frame_dims = 4;
    shape.dilations = {1, 2};
  } else if (size == RendererSize::kSmall) {
    shape.width = 32;
    shape.frame_dims = 6;
    shape.dilations = {1, 1, 2};
  }
  return shape;
}

// Refuses options that say otherwise than what the user brings.
Status CheckBrought(const CompressOptions& options, const TensorFile& brought, const Scene& scene) {
  const auto refuse = [](const char* option, const char* what) {
    return Error{Code::kInvalidArgument, std::string(option) + ": the file brings another " + what};
  };
  if (HasTensors(brought, "renderer.")) {
    if (options.renderer != RendererSize::kAuto) return refuse("--renderer", "renderer");
    const bool preimage = options.chain == F1Chain::kPreimage;
    if (options.chain != F1Chain::kAuto && preimage != scene.renderer.preimage)
      return refuse("--f1", "way to write f1");
  }
  if (HasTensors(brought, "carrier.")) {
    const bool moves = options.f0 == F0Form::kMotion;
    if (options.f0 != F0Form::kAuto && moves != scene.carrier.moves) return refuse("--f0", "form of f0");
  }
  return Ok();
}

}  // namespace

bool HasTensors(const TensorFile& file, const std::string& prefix) {
  const auto found = file.tensors.lower_bound(prefix);
  return found != file.tensors.end() && found->first.starts_with(prefix);
}

std::vector<QuantizedTensor> EmptyTensors(const RendererShape& shape) {
  std::vector<QuantizedTensor> tensors;
  for (const TensorSpec& spec : RendererTensors(shape)) {
    QuantizedTensor tensor;
    tensor.scales.resize(NumScales(spec));
    if (spec.kind == TensorKind::kHalf) tensor.halves.resize(spec.num_values());
    if (spec.kind != TensorKind::kHalf) tensor.codes.resize(spec.num_values());
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Result<Scene> StartScene(const CompressOptions& options, FrameSize frame_size, uint32_t num_pairs,
                         const TensorFile& brought, const Limits& limits) {
  Scene scene;
  scene.frame_size = frame_size;
  scene.mask = {kModelGrid.width, kModelGrid.height, num_pairs, kNumClasses, {}};
  scene.renderer.shape = ShapeFor(options.renderer, num_pairs);
  scene.renderer.preimage =
      options.chain == F1Chain::kPreimage || (options.chain == F1Chain::kAuto && HasPrivateTaps(frame_size));
  scene.carrier =
      options.f0 == F0Form::kAtoms ? GreyCarrier(CarrierSizeFor(num_pairs), num_pairs) : StillCarrier(num_pairs);
  scene.selector.assign(num_pairs, 0);
  if (brought.tensors.empty()) return scene;

  const FileTensor* const maps = brought.Find("maps");
  if (maps != nullptr && maps->shape.size() == 3 && maps->shape[0] != int64_t{num_pairs}) {
    return Error{Code::kInvalidArgument, "maps: got " + std::to_string(maps->shape[0]) + ", the video has " +
                                             std::to_string(num_pairs) + " pairs"};
  }
  // The codec's own check reads a whole scene: what the user did not bring is filled in.
  const bool has_renderer = HasTensors(brought, "renderer.");
  Scene whole = scene;
  whole.mask.ids.assign(size_t{num_pairs} * whole.mask.map_bytes(), 0);
  whole.renderer.tensors = EmptyTensors(scene.renderer.shape);
  TensorFile file = TensorsOf(whole);
  for (const char* prefix : {"maps", "renderer.", "carrier.", "selector"}) {
    if (!HasTensors(brought, prefix)) continue;
    std::erase_if(file.tensors, [prefix](const auto& tensor) { return tensor.first.starts_with(prefix); });
  }
  for (const auto& [name, tensor] : brought.tensors) file.tensors[name] = tensor;
  KIT_ASSIGN(Scene merged, SceneOfTensors(file, limits));
  merged.frame_size = frame_size;
  if (merged.mask.count != num_pairs || merged.mask.width != kModelGrid.width ||
      merged.mask.height != kModelGrid.height) {
    return Error{Code::kInvalidArgument, "maps: got " + std::to_string(merged.mask.count) + " of " +
                                             std::to_string(merged.mask.width) + " x " +
                                             std::to_string(merged.mask.height) + ", expected " +
                                             std::to_string(num_pairs) + " of 512 x 384 as the video has pairs"};
  }
  KIT_TRY(CheckPreimage(merged.renderer, kModelGrid, frame_size));
  KIT_TRY(CheckBrought(options, brought, merged));
  if (!has_renderer) merged.renderer = scene.renderer;
  return merged;
}

}  // namespace kitsink::strict
