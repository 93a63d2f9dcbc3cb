#pragma once
// The one place that names concrete renderers.

#include <memory>

#include "kitsink/archive.h"
#include "kitsink/nets.h"

namespace kitsink {

// A renderer of the scene's frames; the scene must outlive it.
Result<std::unique_ptr<Renderer>> MakeRenderer(const Scene& scene, const Device& device);

}  // namespace kitsink
