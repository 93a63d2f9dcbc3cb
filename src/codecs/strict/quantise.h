#pragma once
// The renderer's real values <-> the integers that its section stores.

#include <span>
#include <vector>

#include "kitsink/result.h"
#include "kitsink/weights.h"

namespace kitsink::strict {

// int4 tensors: each line's scale is a seventh of its largest magnitude; codes are the nearest multiples. Scales and
// halves keep five of their ten fraction bits. kInvalidArgument unless values.size() == spec.num_values() and all
// values are finite in fp16.
Result<QuantizedTensor> QuantizeRendererTensor(const TensorSpec& spec, std::span<const float> values);

}  // namespace kitsink::strict
