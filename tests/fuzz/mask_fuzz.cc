// Feeds arbitrary bytes to the decoder of stream m: no crash, no endless work, and never kInternal.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "kitsink/mask.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kitsink::Limits limits;
  limits.max_dimension = 256;
  limits.max_map_bytes = 1 << 13;  // a bomb is a matter of Limits; small ones keep the fuzzer fast
  const std::span<const uint8_t> stream(data, size);
  const auto info = kitsink::ReadMaskInfo(stream, limits);
  const auto clip = kitsink::DecodeMask(stream, 1, limits, kitsink::SilentProgress());
  if (clip.ok() && !info.ok()) std::abort();
  if (!clip.ok() && clip.error().code != kitsink::Code::kCorrupt && clip.error().code != kitsink::Code::kUnsupported &&
      clip.error().code != kitsink::Code::kLimit) {
    std::abort();
  }
  return 0;
}
