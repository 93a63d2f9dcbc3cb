// Renders the pairs of a scene: f0 from the carrier, f1 from the network.

#include "codecs/strict/render.h"

#include <algorithm>
#include <string>
#include <utility>

#include "codecs/strict/motion.h"

namespace kitsink::strict {
namespace {

FrameSize MapSize(const Scene& scene) { return {scene.mask.width, scene.mask.height}; }

Error Misfit(const char* what) { return Error{Code::kInvalidArgument, std::string("strict: scene: ") + what}; }

Status CheckScene(const Scene& scene) {
  const RendererShape& shape = scene.renderer.shape;
  const Carrier& carrier = scene.carrier;
  const std::vector<TensorSpec> specs = RendererTensors(shape);
  const size_t pairs = scene.mask.count;
  const size_t grid = size_t{3} * carrier.grid_height * carrier.grid_width;
  if (MapSize(scene).size_bytes() == 0 || scene.frame_size.size_bytes() == 0) return Misfit("a picture is empty");
  KIT_TRY(CheckPreimage(scene.renderer, MapSize(scene), scene.frame_size));
  if (scene.mask.ids.size() != pairs * scene.mask.map_bytes()) return Misfit("the maps have another size");
  if (scene.mask.num_classes > shape.num_classes) return Misfit("the maps have more classes than the renderer");
  if (shape.width % kLaneFloats != 0 || shape.width == 0 || shape.width > kMaxRowChannels) return Misfit("width");
  if (shape.num_pairs != pairs || scene.selector.size() != pairs) return Misfit("the parts differ in pairs");
  if (!carrier.moves && carrier.num_atoms == 0) return Misfit("a carrier without atoms does not move");
  if (grid == 0 || carrier.basis.size() != carrier.num_atoms * grid ||
      carrier.basis_scales.size() != carrier.num_atoms || carrier.coefficient_scales.size() != carrier.num_atoms ||
      carrier.coefficients.size() != pairs * carrier.num_terms()) {
    return Misfit("the carrier's parts differ in atoms or pairs");
  }
  if (scene.renderer.tensors.size() != specs.size()) return Misfit("the renderer has another number of tensors");
  for (size_t i = 0; i < specs.size(); ++i) {
    const QuantizedTensor& tensor = scene.renderer.tensors[i];
    const bool half = specs[i].kind == TensorKind::kHalf;
    if ((half ? tensor.halves : tensor.scales).size() != (half ? specs[i].num_values() : NumScales(specs[i])) ||
        tensor.codes.size() != (half ? 0 : specs[i].num_values())) {
      return Misfit("a tensor of the renderer has another size");
    }
  }
  return Ok();
}

}  // namespace

Result<std::unique_ptr<FrameRenderer>> FrameRenderer::Create(const Scene& scene, const RowKernels& kernels) {
  KIT_TRY(CheckScene(scene));
  return std::unique_ptr<FrameRenderer>(new FrameRenderer(scene, kernels));
}

FrameRenderer::FrameRenderer(const Scene& scene, const RowKernels& kernels)
    : scene_(scene),
      carrier_(scene.carrier, MapSize(scene), scene.frame_size, kernels),
      network_(scene.renderer, MapSize(scene), kernels),
      to_frame_(MapSize(scene), scene.frame_size, Interpolation::kBilinear, kernels) {}

FramePair FrameRenderer::Render(uint64_t pair, int threads) const {
  KIT_CHECK(pair < scene_.mask.count);
  const size_t terms = scene_.carrier.num_terms();
  const auto coefficients = std::span(scene_.carrier.coefficients).subspan(pair * terms, terms);
  const std::vector<float> picture = RenderPicture(scene_.mask.map(pair), pair, threads);
  return {RenderF0(picture, coefficients, scene_.selector[pair], threads), WriteFrame(picture, threads)};
}

Frame FrameRenderer::RenderF0(std::span<const float> picture, std::span<const int16_t> coefficients, uint8_t mode,
                              int threads) const {
  Frame frame = scene_.carrier.moves ? WriteFrame(MovedPicture(picture, coefficients), threads)
                                     : carrier_.Render(coefficients, threads);
  ApplySelector(mode, frame);
  return frame;
}

std::vector<float> FrameRenderer::MovedPicture(std::span<const float> picture,
                                               std::span<const int16_t> coefficients) const {
  std::vector<float> moved = MovePicture(picture, MapSize(scene_), coefficients.first(kMotionTerms));
  if (scene_.carrier.num_atoms > 0) carrier_.AddTo(moved, coefficients.subspan(kMotionTerms));
  return moved;
}

Frame FrameRenderer::RenderF1(std::span<const uint8_t> map, uint64_t pair, int threads) const {
  return WriteFrame(RenderPicture(map, pair, threads), threads);
}

Frame FrameRenderer::WriteFrame(std::span<const float> picture, int threads) const {
  return scene_.renderer.preimage ? WritePreimage(PlanesOf(picture), scene_.frame_size)
                                  : to_frame_.Resize(picture, {}, threads);
}

std::vector<float> FrameRenderer::RenderPicture(std::span<const uint8_t> map, uint64_t pair, int threads) const {
  KIT_CHECK(map.size() == scene_.mask.map_bytes() && pair < scene_.mask.count);
  // Kept between calls: fresh memory costs a tenth of the time of a call.
  std::unique_ptr<Network::Workspace> work;
  if (const std::lock_guard lock(mutex_); !idle_.empty()) {
    work = std::move(idle_.back());
    idle_.pop_back();
  }
  if (work == nullptr) work = std::make_unique<Network::Workspace>();
  std::vector<float> picture(3 * map.size());
  network_.Run(map, pair, threads, *work, picture.data());
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(work));
  return picture;
}

size_t FrameRenderer::WorkingBytes(int threads) const {
  return network_.WorkingBytes(threads) + 3 * scene_.mask.map_bytes() * (3 * sizeof(float) + 1) +
         2 * scene_.frame_size.size_bytes();
}

}  // namespace kitsink::strict
