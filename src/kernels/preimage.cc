// Makes camera frames that the scorer's resize turns into a wanted model-grid picture.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "kitsink/kernels.h"
#include "kitsink/result.h"

namespace kitsink {
namespace {

// One output coordinate of the bilinear resize (align_corners false, no antialias), in PyTorch's float32 arithmetic.
struct Tap {
  uint32_t low = 0, high = 0;  // source indices
  float low_weight = 1, high_weight = 0;
};

std::vector<Tap> ResizeTaps(uint32_t source, uint32_t target) {
  const float scale = static_cast<float>(source) / static_cast<float>(target);
  std::vector<Tap> taps(target);
  for (uint32_t i = 0; i < target; ++i) {
    const float position = std::max(scale * (static_cast<float>(i) + 0.5F) - 0.5F, 0.0F);
    Tap& tap = taps[i];
    tap.low = std::min(static_cast<uint32_t>(position), source - 1);
    tap.high = std::min(tap.low + 1, source - 1);
    tap.high_weight = std::clamp(position - static_cast<float>(tap.low), 0.0F, 1.0F);
    tap.low_weight = 1.0F - tap.high_weight;
  }
  return taps;
}

// For every source coordinate, the nearest coordinate that some tap reads.
std::vector<uint32_t> NearestRead(const std::vector<Tap>& taps, uint32_t source) {
  std::vector<uint32_t> nearest(source);
  size_t next = 0;
  std::vector<uint32_t> read;
  for (const Tap& tap : taps) read.insert(read.end(), {tap.low, tap.high});
  for (uint32_t i = 0; i < source; ++i) {
    while (next + 1 < read.size() && read[next + 1] <= i) ++next;
    const uint32_t below = read[next];
    const uint32_t above = read[std::min(next + 1, read.size() - 1)];
    const bool take_above = below > i || (above > i && above - i < i - below);
    nearest[i] = take_above ? above : below;
  }
  return nearest;
}

// Offsets of the four taps from floor(value): top left, top right, bottom left, bottom right. Sorted by sum of squares,
// so that the flattest wins among equal errors.
std::vector<std::array<int, 4>> OffsetCandidates() {
  std::vector<std::array<int, 4>> candidates;
  for (int code = 0; code < 81; ++code) {
    candidates.push_back({code % 3 - 1, code / 3 % 3 - 1, code / 9 % 3 - 1, code / 27 - 1});
  }
  const auto cost = [](const std::array<int, 4>& offsets) {
    int sum = 0;
    for (const int offset : offsets) sum += offset * offset;
    return sum;
  };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const auto& a, const auto& b) { return cost(a) < cost(b); });
  return candidates;
}

}  // namespace

bool HasPrivateTaps(FrameSize size) {
  return size.width >= 2 * kModelGrid.width && size.height >= 2 * kModelGrid.height;
}

std::vector<float> PlanesOf(std::span<const float> rgb) {
  const size_t pixels = rgb.size() / 3;
  std::vector<float> planes(rgb.size());
  for (size_t i = 0; i < pixels; ++i) {
    for (size_t plane = 0; plane < 3; ++plane) planes[plane * pixels + i] = rgb[3 * i + plane];
  }
  return planes;
}

Frame WritePreimage(std::span<const float> picture, FrameSize size) {
  constexpr size_t kWidth = kModelGrid.width;
  constexpr size_t kHeight = kModelGrid.height;
  KIT_CHECK(HasPrivateTaps(size) && picture.size() == 3 * kWidth * kHeight);
  const std::vector<Tap> columns = ResizeTaps(size.width, kModelGrid.width);
  const std::vector<Tap> rows = ResizeTaps(size.height, kModelGrid.height);
  static const std::vector<std::array<int, 4>> candidates = OffsetCandidates();

  Frame frame{size, std::vector<uint8_t>(size.size_bytes())};
  const size_t stride = size_t{3} * size.width;
  std::array<float, kWidth> left, right, base, rest, best;
  // What forbids offsets of -1, of 1 and of both where they leave the range of a byte.
  std::array<std::array<float, kWidth>, 4> penalties{};
  constexpr float kForbidden = 1e9F;
  for (size_t x = 0; x < kWidth; ++x) {
    left[x] = columns[x].low_weight;
    right[x] = columns[x].high_weight;
  }
  const TapRow row{left.data(),
                   right.data(),
                   rest.data(),
                   {penalties[0].data(), penalties[1].data(), penalties[2].data(), penalties[3].data()}};
  const RowKernels& kernels = FastRowKernels();
  std::vector<TapCandidate> sums(candidates.size());
  for (size_t y = 0; y < kHeight; ++y) {
    for (size_t k = 0; k < candidates.size(); ++k) {
      const auto [a, b, c, d] = candidates[k];
      const auto [least, most] = std::minmax({a, b, c, d});
      sums[k] = {rows[y].low_weight * static_cast<float>(a) + rows[y].high_weight * static_cast<float>(c),
                 rows[y].low_weight * static_cast<float>(b) + rows[y].high_weight * static_cast<float>(d),
                 (least < 0 ? 1U : 0U) + (most > 0 ? 2U : 0U)};
    }
    for (size_t channel = 0; channel < 3; ++channel) {
      const float* wanted = picture.data() + (channel * kHeight + y) * kWidth;
      for (size_t x = 0; x < kWidth; ++x) {
        const float value = std::clamp(wanted[x], 0.0F, 255.0F);
        base[x] = std::floor(value);
        rest[x] = value - base[x];
        penalties[1][x] = base[x] > 0 ? 0 : kForbidden;
        penalties[2][x] = base[x] < 255 ? 0 : kForbidden;
        penalties[3][x] = penalties[1][x] + penalties[2][x];
      }
      kernels.choose(sums, row, kWidth, best.data());
      uint8_t* upper = frame.rgb.data() + rows[y].low * stride + channel;
      uint8_t* lower = frame.rgb.data() + rows[y].high * stride + channel;
      for (size_t x = 0; x < kWidth; ++x) {
        const std::array<int, 4>& offsets = candidates[static_cast<size_t>(best[x])];
        const int value = static_cast<int>(base[x]);
        upper[3 * columns[x].low] = static_cast<uint8_t>(value + offsets[0]);
        upper[3 * columns[x].high] = static_cast<uint8_t>(value + offsets[1]);
        lower[3 * columns[x].low] = static_cast<uint8_t>(value + offsets[2]);
        lower[3 * columns[x].high] = static_cast<uint8_t>(value + offsets[3]);
      }
    }
  }
  // Fills the unread columns of read rows first, then whole unread rows.
  const std::vector<uint32_t> read_column = NearestRead(columns, size.width);
  for (const Tap& tap : rows) {
    for (const uint32_t y : {tap.low, tap.high}) {
      uint8_t* line = frame.rgb.data() + y * stride;
      for (size_t x = 0; x < size.width; ++x) {
        if (read_column[x] != x) std::copy_n(line + size_t{3} * read_column[x], 3, line + 3 * x);
      }
    }
  }
  const std::vector<uint32_t> read_row = NearestRead(rows, size.height);
  for (size_t y = 0; y < size.height; ++y) {
    if (read_row[y] == y) continue;
    std::copy_n(frame.rgb.data() + read_row[y] * stride, stride, frame.rgb.data() + y * stride);
  }
  return frame;
}

}  // namespace kitsink
