#pragma once
// The four streams of a member, not yet decoded, and what they must agree on.

#include <span>

#include "archive/header.h"
#include "kitsink/archive.h"

namespace kitsink {

struct Streams {
  MemberHeader header;
  std::span<const uint8_t> mask, weights, pose, selectors;
};

// Verifies the header; the spans point into `member`.
Result<Streams> SplitMember(std::span<const uint8_t> member, const Limits& limits);

// Needs the mask's head only, so that it runs before the long decoding of the maps. Errors have code `code`.
Status CheckStreamsAgree(const MaskInfo& mask, const Track& pose, const WeightSet& weights,
                         const SelectorTable& selectors, Code code);

}  // namespace kitsink
