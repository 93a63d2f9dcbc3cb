#pragma once
// Raw LZMA1 streams, decompressed. kitsink writes none.

#include <cstdint>
#include <span>

#include "kitsink/bytes.h"

namespace kitsink {

struct LzmaSettings {
  uint32_t dictionary_bytes = 4096;
  uint32_t literal_context_bits = 3, literal_position_bits = 0, position_bits = 0;
};

// Decompresses a stream that has to give `size_bytes` bytes and then an end marker, and to end where `bytes` does.
// kCorrupt otherwise. REQUIRES: settings that liblzma accepts.
Result<Bytes> DecompressLzma(std::span<const uint8_t> bytes, const LzmaSettings& settings, uint64_t size_bytes);

}  // namespace kitsink
