#pragma once
// The latent vectors <-> decisions of the binary coder (FORMAT.md, "Latents").

#include <cstdint>
#include <vector>

#include "codecs/hnerv/scene.h"
#include "kitsink/binary_coder.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink::hnerv {

// kInvalidArgument unless there are 1 to Limits::max_pairs pairs and 1 to Limits::max_track_dims dimensions, as many
// values as they ask for, finite minima, scales and correction unit, corrections of dimensions that exist, and neither
// steps without a dimension nor a dimension without steps.
Status CheckLatents(const Latents& latents, const Limits& limits);

// REQUIRES: CheckLatents(). Without corrections the correction unit is not stored.
void EncodeLatents(BinaryEncoder& coder, const Latents& latents);
// kLimit for too many pairs, kCorrupt for what CheckLatents() refuses. Bytes of another origin give other values: the
// caller verifies a checksum. Adds a part for each dimension, one for minima and scales and one for corrections to
// `parts` unless it is null. REQUIRES: dims is 1 to Limits::max_track_dims.
Result<Latents> DecodeLatents(BinaryDecoder& coder, uint32_t dims, const Limits& limits,
                              std::vector<StreamPart>* parts);

}  // namespace kitsink::hnerv
