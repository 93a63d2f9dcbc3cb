#pragma once
// Doubles of unknown size as floats.

#include <algorithm>

namespace kitsink::strict {

// A NaN becomes 0. Magnitudes end at 1e30, beyond what any picture shows, so that the conversion is defined.
inline float FiniteFloat(double value) {
  return value == value ? static_cast<float>(std::clamp(value, -1e30, 1e30)) : 0.0F;
}

}  // namespace kitsink::strict
