#pragma once
// Tensors of floats that tests can make and edit.

#include <string>
#include <vector>

#include "kitsink/tensors.h"

namespace kitsink::testing {

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;  // as many as the shape says
};

inline TensorFile FileOf(const std::vector<NamedTensor>& tensors) {
  TensorFile file;
  for (const NamedTensor& tensor : tensors) {
    file.tensors[tensor.name] = MakeTensor(tensor.shape, std::span<const float>(tensor.values));
  }
  return file;
}

}  // namespace kitsink::testing
