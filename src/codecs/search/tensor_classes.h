#pragma once
// Statistics numbers (TensorSpec::statistics) of the generator's tensors. Tensors with similar values share a number.

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
