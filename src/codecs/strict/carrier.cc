// Renders f0: normalises the atoms, adds them with the pair's coefficients, resizes, and applies the selector.

#include "codecs/strict/carrier.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "codecs/strict/finite.h"
#include "kitsink/result.h"

namespace kitsink::strict {
namespace {

constexpr double kLeastRms = 1e-5;

// What a resize along one axis does to sums: the weight of each source index in the sum of the target, and in the sum
// of squares, where sum over targets (w . s)^2 = s' gram s.
struct AxisSums {
  std::vector<double> total;  // [source]
  std::vector<double> gram;   // [source][source]
};

AxisSums SumAxis(const AxisTaps& taps, size_t source) {
  AxisSums sums{std::vector<double>(source), std::vector<double>(source * source)};
  for (size_t i = 0; i < taps.indices.size(); i += taps.count) {
    for (size_t a = i; a < i + taps.count; ++a) {
      sums.total[taps.indices[a]] += static_cast<double>(taps.weights[a]);
      for (size_t b = i; b < i + taps.count; ++b) {
        sums.gram[taps.indices[a] * source + taps.indices[b]] +=
            static_cast<double>(taps.weights[a]) * static_cast<double>(taps.weights[b]);
      }
    }
  }
  return sums;
}

// Sum and sum of squares of a plane after it has been resized.
std::pair<double, double> ResizedSums(const double* plane, const AxisSums& rows, const AxisSums& columns) {
  const size_t height = rows.total.size(), width = columns.total.size();
  double sum = 0, squares = 0;
  std::vector<double> half(height * width);  // plane times the columns' gram
  for (size_t y = 0; y < height; ++y) {
    for (size_t x = 0; x < width; ++x) {
      sum += rows.total[y] * columns.total[x] * plane[y * width + x];
      for (size_t k = 0; k < width; ++k) half[y * width + x] += plane[y * width + k] * columns.gram[k * width + x];
    }
  }
  for (size_t y = 0; y < height; ++y) {
    for (size_t k = 0; k < height; ++k) {
      if (rows.gram[y * height + k] == 0) continue;
      double product = 0;
      for (size_t x = 0; x < width; ++x) product += plane[y * width + x] * half[k * width + x];
      squares += rows.gram[y * height + k] * product;
    }
  }
  return {sum, squares};
}

// Adds to every channel and clips.
void AddTo(uint8_t* pixel, int red, int green, int blue) {
  const int add[3] = {red, green, blue};
  for (size_t c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(std::clamp(pixel[c] + add[c], 0, 255));
}

}  // namespace

CarrierPicture::CarrierPicture(const Carrier& carrier, FrameSize map_size, FrameSize frame_size,
                               const RowKernels& kernels)
    : to_map_({carrier.grid_width, carrier.grid_height}, map_size, Interpolation::kBicubic, kernels),
      to_frame_(map_size, frame_size, Interpolation::kBicubic, kernels),
      grey_(FiniteFloat(static_cast<double>(carrier.grey))),
      num_atoms_(carrier.num_atoms) {
  const size_t plane = size_t{carrier.grid_height} * carrier.grid_width;
  KIT_CHECK(carrier.basis.size() == num_atoms_ * 3 * plane && carrier.basis_scales.size() == num_atoms_ &&
            carrier.coefficient_scales.size() == num_atoms_);
  const AxisSums rows = SumAxis(to_map_.rows(), carrier.grid_height);
  const AxisSums columns = SumAxis(to_map_.columns(), carrier.grid_width);
  const double count = static_cast<double>(map_size.size_bytes());
  for (size_t atom = 0; atom < num_atoms_; ++atom) {
    std::vector<double> values(3 * plane);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] =
          static_cast<double>(carrier.basis[atom * 3 * plane + i]) * static_cast<double>(carrier.basis_scales[atom]);
    }
    for (size_t c = 0; c < 3; ++c) {
      const auto [plane_sum, plane_squares] = ResizedSums(values.data() + c * plane, rows, columns);
      sum += plane_sum;
      squares += plane_squares;
    }
    const double mean = sum / count;
    const double variance = squares / count - mean * mean;
    const double rms = std::max(std::sqrt(variance > 0 ? variance : 0), kLeastRms);
    const double step = static_cast<double>(carrier.coefficient_scales[atom]) * static_cast<double>(carrier.amplitude) /
                        std::sqrt(static_cast<double>(num_atoms_)) / rms;
    for (size_t i = 0; i < plane; ++i) {
      for (size_t c = 0; c < 3; ++c) atoms_.push_back((values[c * plane + i] - mean) * step);
    }
  }
}

std::vector<float> CarrierPicture::Sum(std::span<const int16_t> weights) const {
  KIT_CHECK(weights.size() == num_atoms_);
  std::vector<double> sums(to_map_.source().size_bytes());
  for (size_t atom = 0; atom < num_atoms_; ++atom) {
    const double* const values = atoms_.data() + atom * sums.size();
    const double weight = static_cast<double>(weights[atom]);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += weight * values[i];
  }
  std::vector<float> grid(sums.size());
  std::transform(sums.begin(), sums.end(), grid.begin(), FiniteFloat);
  return grid;
}

Frame CarrierPicture::Render(std::span<const int16_t> weights, int threads) const {
  const Frame small = to_map_.Resize(Sum(weights), {grey_, grey_, grey_}, threads);
  const std::vector<float> picture(small.rgb.begin(), small.rgb.end());
  return to_frame_.Resize(picture, {}, threads);
}

void CarrierPicture::AddTo(std::span<float> picture, std::span<const int16_t> weights) const {
  const std::vector<float> grid = Sum(weights);
  const FrameSize small = to_map_.source(), large = to_map_.target();
  KIT_CHECK(picture.size() == large.size_bytes());
  const AxisTaps &rows = to_map_.rows(), &columns = to_map_.columns();
  std::vector<float> line(size_t{3} * small.width);
  for (size_t y = 0; y < large.height; ++y) {
    for (size_t i = 0; i < line.size(); ++i) {
      line[i] = 0;
      for (size_t tap = y * rows.count; tap < (y + 1) * rows.count; ++tap) {
        line[i] += rows.weights[tap] * grid[rows.indices[tap] * line.size() + i];
      }
    }
    float* const out = picture.data() + y * large.width * 3;
    for (size_t x = 0; x < large.width; ++x) {
      for (size_t c = 0; c < 3; ++c) {
        float sum = 0;
        for (size_t tap = x * columns.count; tap < (x + 1) * columns.count; ++tap) {
          sum += columns.weights[tap] * line[3 * columns.indices[tap] + c];
        }
        out[3 * x + c] += sum;
      }
    }
  }
}

void ApplySelector(uint8_t mode, Frame& frame) {
  if (mode == 0) return;  // nearly every pair
  const size_t width = frame.size.width, row = 3 * width;
  auto& rgb = frame.rgb;
  if (mode == 5) std::rotate(rgb.begin(), rgb.end() - static_cast<ptrdiff_t>(row), rgb.end());
  for (size_t y = 0; y < frame.size.height; ++y) {
    uint8_t* const line = rgb.data() + y * row;
    if (mode == 4) std::rotate(line, line + row - 3, line + row);
    for (size_t x = 0; x < width; ++x) {
      const int checker = (x + y) % 2 == 0 ? -1 : 1;
      const int coarse = (x / 4 + y / 4) % 2 == 0 ? -1 : 1;
      switch (mode) {
        case 1: AddTo(line + 3 * x, 1, 1, 1); break;
        case 2: AddTo(line + 3 * x, -1, -1, -1); break;
        case 3: AddTo(line + 3 * x, 1, 0, -1); break;
        case 6: AddTo(line + 3 * x, checker, checker, checker); break;
        case 7: AddTo(line + 3 * x, coarse, coarse, coarse); break;
        default: break;
      }
    }
  }
}

}  // namespace kitsink::strict
