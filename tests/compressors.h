#pragma once
// Encoders of the streams that kitsink only reads.

#include <brotli/encode.h>
#include <lzma.h>

#include <array>

#include "kitsink/bytes.h"
#include "kitsink/lzma.h"

namespace kitsink::testing {

inline Bytes Brotli(std::span<const uint8_t> bytes, int quality = 5) {
  size_t size = BrotliEncoderMaxCompressedSize(bytes.size()) + 16;
  Bytes out(size);
  KIT_CHECK(BrotliEncoderCompress(quality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_GENERIC, bytes.size(), bytes.data(),
                                  &size, out.data()) != BROTLI_FALSE);
  out.resize(size);
  return out;
}

// Raw LZMA1 with its end marker.
inline Bytes Lzma(std::span<const uint8_t> bytes, const LzmaSettings& settings = {}) {
  lzma_options_lzma options{};
  KIT_CHECK(!lzma_lzma_preset(&options, 6));
  options.dict_size = settings.dictionary_bytes;
  options.lc = settings.literal_context_bits;
  options.lp = settings.literal_position_bits;
  options.pb = settings.position_bits;
  const std::array<lzma_filter, 2> filters = {{{LZMA_FILTER_LZMA1, &options}, {LZMA_VLI_UNKNOWN, nullptr}}};
  Bytes out(2 * bytes.size() + 1000);
  size_t size = 0;
  KIT_CHECK(lzma_raw_buffer_encode(filters.data(), nullptr, bytes.data(), bytes.size(), out.data(), &size,
                                   out.size()) == LZMA_OK);
  out.resize(size);
  return out;
}

}  // namespace kitsink::testing
