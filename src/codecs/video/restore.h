#pragma once
// The pictures of a stream -> camera frames.

#include <vector>

#include "codecs/video/filter.h"
#include "codecs/video/scene.h"
#include "kitsink/kernels.h"

namespace kitsink::video {

// Turns the RGB pictures of a scene's stream into its frames, with the same bytes on every machine.
class Restorer {
 public:
  // REQUIRES: the filters are valid.
  explicit Restorer(const Scene& scene);
  // A picture enlarged to kModelGrid.
  Frame Enlarge(const Frame& picture) const;
  // The frame of an enlarged picture after the filter of its kind: its pre-image where HasPrivateTaps(frame size), so
  // that the nets read the picture itself; else the rounded picture, enlarged bilinearly. Thread-safe.
  Frame Write(const Frame& enlarged, bool f0) const;

 private:
  FrameSize frame_size_;
  std::vector<FilterKernel> filters_;
  Resizer to_grid_, to_frame_;
};

}  // namespace kitsink::video
