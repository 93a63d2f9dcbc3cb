#pragma once
// Brotli streams (RFC 7932), decompressed. kitsink writes none.

#include <cstddef>
#include <cstdint>
#include <span>

#include "kitsink/bytes.h"

namespace kitsink {

struct Decompressed {
  Bytes bytes;
  size_t read_bytes = 0;  // of the input
};

// Decompresses the stream at the start of `bytes`; what follows it is not read. kLimit above `most` bytes of output,
// kCorrupt for a damaged or incomplete stream, with the position.
Result<Decompressed> DecompressBrotli(std::span<const uint8_t> bytes, uint64_t most);

}  // namespace kitsink
