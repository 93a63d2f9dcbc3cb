#pragma once
// Between safetensors files and modules: shapes read by key, tensors copied by name.

#include <cstdint>
#include <string>

#include "kitsink/tensors.h"
#include "nets/nets_torch.h"

namespace kitsink {

// Inference mode, no gradients for parameters.
void Freeze(torch::nn::Module& module);

// Dimension `axis` of a tensor that has `rank` of them; kCorrupt when it is missing or not 1 .. 4096.
Result<int64_t> ReadDimension(const TensorFile& file, const std::string& name, size_t rank, size_t axis);

// How many of "<prefix>0.", "<prefix>1.", ... occur, counted up to the first that does not.
int64_t CountModules(const TensorFile& file, const std::string& prefix);

}  // namespace kitsink
