// Decompresses Brotli streams with a bound on the output.

#include "kitsink/brotli.h"

#include <brotli/decode.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace kitsink {

Result<Decompressed> DecompressBrotli(std::span<const uint8_t> bytes, uint64_t most) {
  const std::unique_ptr<BrotliDecoderState, decltype(&BrotliDecoderDestroyInstance)> decoder(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
  if (decoder == nullptr) return Error{Code::kInternal, "brotli: cannot create a decoder"};
  Decompressed result;
  std::array<uint8_t, 1 << 14> buffer;
  size_t left = bytes.size();
  const uint8_t* next = bytes.data();
  for (;;) {
    size_t room = buffer.size();
    uint8_t* out = buffer.data();
    const BrotliDecoderResult state = BrotliDecoderDecompressStream(decoder.get(), &left, &next, &room, &out, nullptr);
    const size_t count = buffer.size() - room;
    if (count > most - result.bytes.size()) {
      return Error{Code::kLimit, "brotli: decompresses to more than " + std::to_string(most) + " bytes"};
    }
    result.bytes.insert(result.bytes.end(), buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(count));
    result.read_bytes = bytes.size() - left;
    const std::string position = ", at byte " + std::to_string(result.read_bytes);
    if (state == BROTLI_DECODER_RESULT_SUCCESS) return result;
    if (state == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT) return Error{Code::kCorrupt, "brotli: ends early" + position};
    if (state == BROTLI_DECODER_RESULT_ERROR) return Error{Code::kCorrupt, "brotli: is damaged" + position};
  }
}

}  // namespace kitsink
