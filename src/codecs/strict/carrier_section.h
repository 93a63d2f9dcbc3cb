#pragma once
// The carrier's section: shape, levels, scales, selector, basis and coefficients.

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/strict/scene.h"

namespace kitsink::strict {

struct DecodedCarrier {
  Carrier carrier;
  std::vector<uint8_t> selector;
  std::vector<StreamPart> parts;  // their bits add up to the section's
};

// kInvalidArgument unless all arrays have the sizes that the shape and the number of pairs ask for, the floats are
// finite and the modes below 8.
Status CheckCarrierValues(const Carrier& carrier, std::span<const uint8_t> selector, uint64_t num_pairs);

// REQUIRES: CheckCarrierShape, CheckCarrierValues.
Bytes EncodeCarrier(const Carrier& carrier, std::span<const uint8_t> selector);
Result<DecodedCarrier> DecodeCarrier(std::span<const uint8_t> section, uint32_t num_pairs);

}  // namespace kitsink::strict
