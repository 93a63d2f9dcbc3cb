#include "codec/components.h"

namespace kitsink {

Result<std::unique_ptr<Renderer>> MakeRenderer(const Scene& scene, const Device& device) {
  return CreateGeneratorRenderer(scene.mask, scene.pose, scene.weights, scene.frame_size, device);
}

}  // namespace kitsink
