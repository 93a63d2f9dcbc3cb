#pragma once
// Renders a scene's frames with the generator, before any search.

#include <cstddef>
#include <memory>
#include <vector>

#include "codecs/search/scene.h"
#include "kitsink/frame.h"
#include "kitsink/nets.h"
#include "kitsink/result.h"

namespace kitsink::search {

class Renderer {
 public:
  // The generator on the model grid, enlarged to the scene's frame size. `scene` must outlive the renderer. kCorrupt
  // when the pose track or the classes do not fit the weights or the maps.
  static Result<std::unique_ptr<Renderer>> Create(const Scene& scene, const Device& device);
  virtual ~Renderer() = default;
  // Frames of pairs first .. first + count - 1. Thread-safe.
  virtual Result<std::vector<FramePair>> Render(size_t first, size_t count) const = 0;
};

}  // namespace kitsink::search
