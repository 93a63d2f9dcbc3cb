#pragma once
// The restoration filter: three 3 x 3 convolutions whose output is added to a picture of kModelGrid.

#include <array>
#include <span>
#include <vector>

#include "codecs/video/scene.h"
#include "kitsink/frame.h"
#include "kitsink/plane_kernels.h"

namespace kitsink::video {

// Values enter the filter as (value - kMiddle) / kUnit, and what leaves it is multiplied by kUnit.
inline constexpr float kMiddle = 127.5F, kUnit = 64;

class FilterKernel {
 public:
  // REQUIRES: the filter is valid.
  explicit FilterKernel(const Filter& filter, const PlaneKernels& kernels = FastPlaneKernels());
  // A picture of kModelGrid with the filter's output, planar: [3][384][512]. Thread-safe.
  std::vector<float> Apply(const Frame& picture) const;

 private:
  std::array<PlaneConv, 3> layers_;
  const PlaneKernels* kernels_;
};

}  // namespace kitsink::video
