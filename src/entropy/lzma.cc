// Decompresses raw LZMA1 streams of a known size.

#include "kitsink/lzma.h"

#include <lzma.h>

#include <array>
#include <string>

namespace kitsink {

Result<Bytes> DecompressLzma(std::span<const uint8_t> bytes, const LzmaSettings& settings, uint64_t size_bytes) {
  lzma_options_lzma options{};
  options.dict_size = settings.dictionary_bytes;
  options.lc = settings.literal_context_bits;
  options.lp = settings.literal_position_bits;
  options.pb = settings.position_bits;
  const std::array<lzma_filter, 2> filters = {{{LZMA_FILTER_LZMA1, &options}, {LZMA_VLI_UNKNOWN, nullptr}}};
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_raw_decoder(&stream, filters.data()) != LZMA_OK) {
    return Error{Code::kInternal, "lzma: cannot create a decoder"};
  }
  Bytes out(size_bytes + 1);  // one more shows a stream that is too long
  stream.next_in = bytes.data();
  stream.avail_in = bytes.size();
  stream.next_out = out.data();
  stream.avail_out = out.size();
  const lzma_ret state = lzma_code(&stream, LZMA_FINISH);
  const uint64_t read = stream.total_in, made = stream.total_out;
  lzma_end(&stream);
  const std::string position = ", at byte " + std::to_string(read);
  if (state != LZMA_STREAM_END && made <= size_bytes) {
    const bool early = state == LZMA_OK || state == LZMA_BUF_ERROR;
    return Error{Code::kCorrupt, (early ? "lzma: ends early" : "lzma: is damaged") + position};
  }
  if (made != size_bytes) {
    return Error{Code::kCorrupt, "lzma: decompresses to " + (made > size_bytes ? "more than " : std::string()) +
                                     std::to_string(made > size_bytes ? size_bytes : made) + " bytes, expected " +
                                     std::to_string(size_bytes) + position};
  }
  if (read != bytes.size()) {
    return Error{Code::kCorrupt, "lzma: " + std::to_string(bytes.size() - read) + " bytes left over" + position};
  }
  out.resize(size_bytes);
  return out;
}

}  // namespace kitsink
