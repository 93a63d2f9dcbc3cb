#pragma once
// Reads the shape of a net from a safetensors file, and freezes modules.

#include <cstdint>
#include <string>

#include "kitsink/tensors.h"
#include "nets/nets_torch.h"

namespace kitsink {

// Sets inference mode and switches off gradients of all parameters.
void Freeze(torch::nn::Module& module);

// Dimension `axis` of the tensor `name`. kCorrupt unless the tensor has `rank` dimensions and this one is 1 .. 4096.
Result<int64_t> ReadDimension(const TensorFile& file, const std::string& name, size_t rank, size_t axis);

// How many of "<prefix>0.", "<prefix>1.", ... occur before the first that does not.
int64_t CountModules(const TensorFile& file, const std::string& prefix);

}  // namespace kitsink
