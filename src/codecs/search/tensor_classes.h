#pragma once
// The generator's tensors by statistics number (TensorSpec::statistics): those whose values are alike share one.

#include <array>
#include <cstdint>
#include <string_view>

namespace kitsink::search {

enum TensorClass : uint8_t {
  kDepthwise,
  kPointwise,
  kPlainWeight,
  kPlainBias,
  kNormWeight,
  kNormBias,
  kPoseMlp,
  kFilm,
};

inline constexpr std::array<std::string_view, 8> kTensorClassNames = {
    "depthwise", "pointwise", "embedding and heads", "biases", "norm weights", "norm biases", "pose_mlp", "film_proj"};

}  // namespace kitsink::search
