#pragma once
// What compress starts from: the options' shapes and what the user brings.

#include <cstdint>
#include <string>
#include <vector>

#include "codecs/strict/options.h"
#include "codecs/strict/scene.h"
#include "kitsink/frame.h"
#include "kitsink/limits.h"
#include "kitsink/tensors.h"
#include "kitsink/weights.h"

namespace kitsink::strict {

// True when the file has a tensor whose name begins so.
bool HasTensors(const TensorFile& file, const std::string& prefix);

// Tensors of zeros.
std::vector<QuantizedTensor> EmptyTensors(const RendererShape& shape);

// The scene before the first stage: no renderer, a grey carrier, and what the user brings. Maps that are not brought
// are blank until the video is observed. kInvalidArgument, and what SceneOfTensors() returns, for tensors
// that do not fit each other, the pairs, the frames or the options.
Result<Scene> StartScene(const CompressOptions& options, FrameSize frame_size, uint32_t num_pairs,
                         const TensorFile& brought, const Limits& limits);

}  // namespace kitsink::strict
