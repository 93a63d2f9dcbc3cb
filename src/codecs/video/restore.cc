// Enlarges pictures, filters them and writes frames.

#include "codecs/video/restore.h"

#include <algorithm>

namespace kitsink::video {
namespace {

std::vector<float> Planar(const Frame& picture) {
  const size_t pixels = picture.rgb.size() / 3;
  std::vector<float> planes(picture.rgb.size());
  for (size_t i = 0; i < pixels; ++i) {
    for (size_t c = 0; c < 3; ++c) planes[c * pixels + i] = picture.rgb[3 * i + c];
  }
  return planes;
}

std::vector<float> Interleaved(const std::vector<float>& planes) {
  const size_t pixels = planes.size() / 3;
  std::vector<float> picture(planes.size());
  for (size_t i = 0; i < pixels; ++i) {
    for (size_t c = 0; c < 3; ++c) picture[3 * i + c] = planes[c * pixels + i];
  }
  return picture;
}

}  // namespace

Restorer::Restorer(const Scene& scene)
    : frame_size_(scene.frame_size),
      to_grid_(scene.stream.size, kModelGrid, Interpolation::kBicubic, FastRowKernels()),
      to_frame_(kModelGrid, scene.frame_size, Interpolation::kBilinear, FastRowKernels()) {
  for (const Filter& filter : scene.filters) filters_.emplace_back(filter);
}

Frame Restorer::Enlarge(const Frame& picture) const {
  if (picture.size == kModelGrid) return picture;
  const std::vector<float> values(picture.rgb.begin(), picture.rgb.end());
  return to_grid_.Resize(values, {}, 1);
}

Frame Restorer::Write(const Frame& enlarged, bool f0) const {
  const std::vector<float> picture =
      filters_.empty() ? Planar(enlarged) : (f0 ? filters_.front() : filters_.back()).Apply(enlarged);
  if (HasPrivateTaps(frame_size_)) return WritePreimage(picture, frame_size_);
  return to_frame_.Resize(Interleaved(picture), {}, 1);
}

}  // namespace kitsink::video
