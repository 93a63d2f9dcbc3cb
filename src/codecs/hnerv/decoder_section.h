#pragma once
// The decoder's tensors <-> decisions of the binary coder (FORMAT.md, "Decoder").

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "codecs/hnerv/scene.h"
#include "kitsink/binary_coder.h"
#include "kitsink/limits.h"
#include "kitsink/weights.h"

namespace kitsink::hnerv {

struct DecoderTensor {
  std::string name;  // state-dict key
  Int8Layout layout;
};
// The tensors in the state dict's order: stem, blocks, skips of the stages whose two counts differ, refine, heads; each
// a weight and a bias. REQUIRES: CheckDecoderShape().
std::vector<DecoderTensor> DecoderTensors(const DecoderShape& shape);

inline constexpr uint32_t kMaxChannels = 512;
inline constexpr uint64_t kMaxDecoderCodes = 1 << 21;  // 9 published decoders; no shape takes more than 15 s

// kInvalidArgument unless latent_dims is 1 to Limits::max_track_dims, channels are 1 to kMaxChannels and the last ones
// 2 or more; kLimit when the decoder has more than kMaxDecoderCodes or Limits::max_weights codes.
Status CheckDecoderShape(const DecoderShape& shape, const Limits& limits);

// REQUIRES: CheckDecoderShape(); a tensor for each of DecoderTensors(), of its number of codes, none of them -128;
// scales positive and finite.
void EncodeDecoderTensors(BinaryEncoder& coder, const DecoderShape& shape, std::span<const Int8Tensor> tensors);
// kCorrupt for a code of -128 and for a scale that is not positive and finite. Bytes of another origin give other
// values: the caller verifies a checksum. Adds a part for each tensor and one for the scales to `parts` unless it is
// null. REQUIRES: CheckDecoderShape().
Result<std::vector<Int8Tensor>> DecodeDecoderTensors(BinaryDecoder& coder, const DecoderShape& shape,
                                                     std::vector<StreamPart>* parts);

}  // namespace kitsink::hnerv
