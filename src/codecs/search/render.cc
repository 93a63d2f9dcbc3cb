// Renders a scene's frames with the generator.

#include "codecs/search/render.h"

#include <string>
#include <utility>

#include "codecs/search/generator.h"
#include "nets/nets_torch.h"

namespace kitsink::search {
namespace {

// Renders one pair at a time: sums round differently in a larger batch, and a pair's frames must not depend on others.
class GeneratorRenderer final : public Renderer {
 public:
  GeneratorRenderer(const Scene& scene, const Device& device)
      : mask_(scene.mask),
        shape_(scene.weights.shape),
        size_(scene.frame_size),
        device_(TorchDevice(device)),
        poses_(
            torch::tensor(DequantizeTrack(scene.pose)).view({scene.pose.num_rows, scene.pose.num_columns}).to(device_)),
        values_(GeneratorValues(scene.weights, device_)) {}

  Result<std::vector<FramePair>> Render(size_t first, size_t count) const override {
    return Guarded("render", [&]() -> Result<std::vector<FramePair>> {
      const torch::NoGradGuard no_grad;
      if (count == 0) return std::vector<FramePair>();
      if (first > mask_.count || count > mask_.count - first) {
        return Error{Code::kInvalidArgument, "render: pairs " + std::to_string(first) + " to " +
                                                 std::to_string(first + count) + " of " + std::to_string(mask_.count)};
      }
      std::vector<FramePair> pairs;
      for (size_t pair = first; pair < first + count; ++pair) {
        const auto row = static_cast<int64_t>(pair);
        const auto [small_f0, small_f1] = GeneratorForward(shape_, values_, ClassMapsToTensor(mask_, pair, 1, device_),
                                                           poses_.slice(0, row, row + 1));
        pairs.push_back(
            FramePair{std::move(WriteSmall(small_f0, size_)[0]), std::move(WriteSmall(small_f1, size_)[0])});
      }
      return pairs;
    });
  }

 private:
  const MaskClip& mask_;
  GeneratorShape shape_;
  FrameSize size_;
  torch::Device device_;
  torch::Tensor poses_;
  std::vector<torch::Tensor> values_;
};

}  // namespace

Result<std::unique_ptr<Renderer>> Renderer::Create(const Scene& scene, const Device& device) {
  const Track& pose = scene.pose;
  const GeneratorShape& shape = scene.weights.shape;
  if (pose.num_rows != scene.mask.count || pose.num_columns != shape.pose) {
    return Error{Code::kCorrupt, "render: the generator reads " + std::to_string(shape.pose) +
                                     " pose values for each of " + std::to_string(scene.mask.count) + " pairs, got " +
                                     std::to_string(pose.num_columns) + " for " + std::to_string(pose.num_rows)};
  }
  if (scene.mask.num_classes > shape.num_classes) {
    return Error{Code::kCorrupt, "render: the generator knows " + std::to_string(shape.num_classes) +
                                     " classes, the class maps have " + std::to_string(scene.mask.num_classes)};
  }
  return Guarded("render", [&]() -> Result<std::unique_ptr<Renderer>> {
    return std::unique_ptr<Renderer>(std::make_unique<GeneratorRenderer>(scene, device));
  });
}

}  // namespace kitsink::search
