// Runs the restoration filter row by row.

#include "codecs/video/filter.h"

#include <algorithm>

namespace kitsink::video {
namespace {

constexpr size_t kWidth = kModelGrid.width, kHeight = kModelGrid.height;

// The last four rows of a feature map; rows beyond the picture are zeros.
class RowRing {
 public:
  explicit RowRing(size_t channels)
      : pitch_(PlaneRowFloats(channels, kWidth)), channels_(channels), floats_(5 * pitch_) {}
  float* Row(size_t y) { return floats_.data() + (y % 4) * pitch_ + kPlaneMargin; }
  const float* Read(ptrdiff_t y) const {
    const size_t slot = y < 0 || y >= static_cast<ptrdiff_t>(kHeight) ? 4 : static_cast<size_t>(y) % 4;
    return floats_.data() + slot * pitch_ + kPlaneMargin;
  }
  void Rectify(size_t y) {
    for (size_t c = 0; c < channels_; ++c) {
      float* const plane = Row(y) + c * PlanePitch(kWidth);
      for (size_t x = 0; x < kWidth; ++x) plane[x] = std::max(plane[x], 0.0F);
    }
  }

 private:
  size_t pitch_, channels_;
  std::vector<float> floats_;
};

}  // namespace

FilterKernel::FilterKernel(const Filter& filter, const PlaneKernels& kernels) : kernels_(&kernels) {
  const std::vector<TensorSpec> specs = FilterTensors(filter.width);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const std::vector<uint32_t>& shape = specs[2 * i].shape;
    layers_[i] = {shape[1],
                  shape[0],
                  3,
                  1,
                  DequantizeTensor(specs[2 * i], filter.tensors[2 * i]),
                  DequantizeTensor(specs[2 * i + 1], filter.tensors[2 * i + 1])};
  }
}

std::vector<float> FilterKernel::Apply(const Frame& picture) const {
  RowRing input(3), first(layers_[0].outputs), second(layers_[1].outputs), change(3);
  std::vector<float> result(3 * kWidth * kHeight);
  const auto fill = [&](size_t y) {
    const uint8_t* const rgb = &picture.rgb[3 * kWidth * y];
    for (size_t c = 0; c < 3; ++c) {
      float* const plane = input.Row(y) + c * PlanePitch(kWidth);
      for (size_t x = 0; x < kWidth; ++x) plane[x] = (static_cast<float>(rgb[3 * x + c]) - kMiddle) * (1 / kUnit);
    }
  };
  const auto convolve = [&](const PlaneConv& layer, const RowRing& from, size_t y, float* to) {
    const auto row = static_cast<ptrdiff_t>(y);
    const float* const rows[] = {from.Read(row - 1), from.Read(row), from.Read(row + 1)};
    kernels_->convolve(layer, rows, kWidth, to);
  };
  fill(0);
  for (size_t y = 0; y < kHeight + 2; ++y) {
    if (y + 1 < kHeight) fill(y + 1);
    if (y < kHeight) {
      convolve(layers_[0], input, y, first.Row(y));
      first.Rectify(y);
    }
    if (y >= 1 && y <= kHeight) {
      convolve(layers_[1], first, y - 1, second.Row(y - 1));
      second.Rectify(y - 1);
    }
    if (y < 2) continue;
    const size_t row = y - 2;
    convolve(layers_[2], second, row, change.Row(row));
    for (size_t c = 0; c < 3; ++c) {
      const float* const plane = change.Row(row) + c * PlanePitch(kWidth);
      float* const out = &result[(c * kHeight + row) * kWidth];
      const uint8_t* const rgb = &picture.rgb[3 * kWidth * row];
      for (size_t x = 0; x < kWidth; ++x) out[x] = static_cast<float>(rgb[3 * x + c]) + kUnit * plane[x];
    }
  }
  return result;
}

}  // namespace kitsink::video
