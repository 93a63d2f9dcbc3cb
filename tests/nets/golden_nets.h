#pragma once
// Golden inputs: evaluator nets whose weights are computed from key names, and frames from integer formulas.

#include <cmath>
#include <fstream>
#include <sstream>

#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "nets/named_tensor.h"
#include "nets/nets_torch.h"
#include "testlib.h"

namespace kitsink::testing {

// The weights of one net in the order of the key list.
inline std::vector<NamedTensor> GoldenWeights(const std::filesystem::path& keys, bool segnet) {
  std::vector<NamedTensor> tensors;
  std::ifstream file(keys);
  std::string line;
  std::getline(file, line);  // titles
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string index, name, shape, dtype;
    fields >> index >> name >> shape >> dtype;
    if (dtype != "F32") continue;
    NamedTensor tensor{name, {}, {}};
    std::istringstream numbers(shape.substr(1));
    for (int64_t value = 0; numbers >> value; numbers.ignore(1)) tensor.shape.push_back(value);
    size_t count = 1;
    for (const int64_t dimension : tensor.shape) count *= static_cast<size_t>(dimension);

    uint64_t seed = 0xcbf29ce484222325U;
    for (const char c : name) seed = (seed ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
    const auto starts = [&name](const char* text) { return name.rfind(text, 0) == 0; };
    const auto ends = [&name](const std::string& text) {
      return name.size() >= text.size() && name.compare(name.size() - text.size(), text.size(), text) == 0;
    };
    double gain = segnet ? (starts("encoder.") ? 6.25 : 6.0) : 3.0;
    const std::string stage = starts("encoder.model.blocks.") ? name.substr(21, 1) : "";
    if (!stage.empty() && stage >= "3" && stage <= "6" && ends(".conv_pwl.weight")) gain = 2.0;
    const double fan = static_cast<double>(count) / static_cast<double>(tensor.shape.empty() ? 1 : tensor.shape[0]);
    auto scale = static_cast<float>(std::sqrt(gain / fan));
    if (name == "encoder.model.conv_stem.weight") scale *= 0.015625F;
    constexpr float kHeadBias[] = {-1.25F, -3.75F, 4.0F, -7.5F, -2.0F};

    Random random(seed);
    for (size_t i = 0; i < count; ++i) {
      const auto u = static_cast<int32_t>(random.Next() >> 40) - 8388608;
      const float f = static_cast<float>(u) * 0x1p-23F;
      float value = 0;
      if (name == "_mean" || name == "_std") {
        value = name == "_mean" ? 127.5F : 63.75F;
      } else if (name == "segmentation_head.0.bias") {
        value = kHeadBias[i];
      } else if (ends(".running_mean")) {
        value = 0.125F * f;
      } else if (ends(".running_var")) {
        value = 1.0F + 0.5F * f;
      } else if (ends(".gamma")) {
        value = 0.25F + 0.125F * f;
      } else if (ends(".bias")) {
        value = 0.125F * f;
      } else {
        value = tensor.shape.size() == 1 ? 1.0F + 0.25F * f : scale * f;
      }
      tensor.values.push_back(value);
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

inline uint32_t Crc32OfValues(const std::vector<NamedTensor>& tensors) {
  uint32_t crc = 0;
  for (const NamedTensor& tensor : tensors) {
    crc = Crc32(std::span(reinterpret_cast<const uint8_t*>(tensor.values.data()), tensor.values.size() * 4), crc);
  }
  return crc;
}

inline Frame GoldenFrame(int f, bool posterised) {
  Frame frame{kContestFrameSize, {}};
  const auto triangle = [](int a) { return 255 - std::abs(255 - a % 510); };
  for (int row = 0; row < 874; ++row) {
    for (int column = 0; column < 1164; ++column) {
      const int x = column + 5 * f, y = row + 2 * f;
      for (int c = 0; c < 3; ++c) {
        const int s1 = triangle((3 * x + (2 + c) * y) / 4 + 40 * c);
        const int s2 = triangle(((x - 582) * (x - 582) + (y - 437) * (y - 437)) / 600 + 90 * c);
        uint32_t h = (static_cast<uint32_t>(x) * 73856093U) ^ (static_cast<uint32_t>(y) * 19349663U) ^
                     (static_cast<uint32_t>(c + 1) * 83492791U);
        h ^= h >> 15;
        h *= 0x2c1b3c6dU;
        h ^= h >> 12;
        h *= 0x297a2d39U;
        h ^= h >> 15;
        const int v = std::clamp((s1 + s2) / 2 + static_cast<int>(h & 31) - 16, 0, 255);
        frame.rgb.push_back(static_cast<uint8_t>(posterised ? v / 16 * 16 + 8 : v));
      }
    }
  }
  return frame;
}

// Samples A, B and C.
inline FramePair GoldenPair(char sample) {
  const int first = sample == 'C' ? 2 : 0;
  return FramePair{GoldenFrame(first, sample == 'B'), GoldenFrame(first + 1, sample == 'B')};
}

}  // namespace kitsink::testing
