#pragma once
// The forms of other programs' members, each read by a file of its own; ReadForeign() chooses and checks the scene.

#include <cstdint>
#include <span>

#include "codecs/hnerv/foreign/foreign.h"

namespace kitsink::hnerv {

// Parts that each follow a u32 with their length, up to the member's end. Empty unless there are so many.
std::vector<std::span<const uint8_t>> SplitParts(std::span<const uint8_t> member, size_t count);

// Three parts: settings, decoder, latents (PR95, PR104), and with a decoder that begins with "CD1" (PR98, PR107).
Result<ForeignScene> ReadV1(std::span<const uint8_t> member, const Limits& limits);
// FF or "HN1", decoder, latents (PR105, PR106).
Result<ForeignScene> ReadPacked(std::span<const uint8_t> member);
Result<ForeignScene> ReadFixed(std::span<const uint8_t> member);
// Four parts: codes, scales, latents, corrections (PR99, PR100, PR102).
Result<ForeignScene> ReadFourPart(std::span<const uint8_t> member, const Limits& limits);

// Lengths of the parts of PR101's microcodec, which its program knows.
struct MicrocodecLengths {
  size_t decoder = 162'164, latents = 15'387;
  size_t dims = 359, code_lengths = 5, codes = 240, uncorrected = 3;  // of the corrections
  size_t corrections() const { return dims + code_lengths + codes + uncorrected; }
  size_t member() const { return decoder + latents + corrections(); }
};
Result<ForeignScene> ReadMicrocodec(std::span<const uint8_t> member, const MicrocodecLengths& lengths);
// "FP11", a microcodec's member, a selector of f0 (PR110).
Result<ForeignScene> ReadSelectorForm(std::span<const uint8_t> member, const MicrocodecLengths& lengths);

}  // namespace kitsink::hnerv
