#pragma once
// What several forms of other programs' members have in common.

#include <cstdint>
#include <span>
#include <string>

#include "codecs/hnerv/decoder_section.h"
#include "codecs/hnerv/scene.h"

namespace kitsink::hnerv {

inline constexpr uint32_t kPublishedPairs = 600, kPublishedDims = 28;
inline constexpr size_t kPublishedTensors = 28;
inline constexpr size_t kPublishedCodes = 228'958;  // of all tensors
inline constexpr size_t kPublishedLatents = size_t{kPublishedPairs} * kPublishedDims;

// What PR98's program and its descendants add to f0 and f1.
inline constexpr std::array<std::array<float, 3>, 2> kPublishedOffsets = {{{-1, 0, -1}, {0, -1, 0}}};

// The tensors of DecoderShape().
const std::vector<DecoderTensor>& PublishedTensors();

// 0, -1, 1, -2 ..: 255 gives -128, which no decoder has and CheckScene() refuses.
inline int8_t Unzigzag(uint8_t byte) { return static_cast<int8_t>((byte >> 1) ^ -(byte & 1)); }

// The one Brotli stream that `stream` is, decompressed to exactly `size_bytes`, or to at most so many.
Result<Bytes> Unfold(std::span<const uint8_t> stream, const std::string& name, uint64_t size_bytes);
Result<Bytes> UnfoldAtMost(std::span<const uint8_t> stream, const std::string& name, uint64_t most);

std::vector<uint16_t> ReadHalves(ByteReader& reader, size_t count);

// Latents whose codes are the running sums, pair by pair and modulo 256, of zigzag numbers of 16 bits.
Latents LatentsOfPlanes(uint32_t num_pairs, uint32_t dims, std::span<const uint8_t> low, std::span<const uint8_t> high);

// u32 pairs, u32 dimensions, minima, scales, low bytes, high bytes. REQUIRES: limits as the scene's.
Result<Latents> ReadLatentTable(std::span<const uint8_t> stream, const Limits& limits);

}  // namespace kitsink::hnerv
