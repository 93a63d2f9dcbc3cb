// Codes adaptive and equiprobable bits with the range coder.

#include "kitsink/adaptive_bit.h"

namespace kitsink {

bool BitEncoder::Code(AdaptiveBit& model, bool bit) {
  const uint32_t ones = model.ones();
  coder_.Encode(bit ? 0 : ones, bit ? ones : kAdaptiveTotal, kAdaptiveTotal);
  model.Update(bit);
  return bit;
}

uint32_t BitEncoder::CodeRaw(uint32_t value, int count) {
  for (int i = count - 1; i >= 0; --i) {
    const uint32_t bit = value >> i & 1U;
    coder_.Encode(bit, bit + 1, 2);
  }
  return value;
}

bool BitDecoder::Code(AdaptiveBit& model, bool /*ignored*/) {
  const uint32_t ones = model.ones();
  const bool bit = coder_.Target(kAdaptiveTotal) < ones;
  coder_.Advance(bit ? 0 : ones, bit ? ones : kAdaptiveTotal, kAdaptiveTotal);
  model.Update(bit);
  return bit;
}

uint32_t BitDecoder::CodeRaw(uint32_t /*ignored*/, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) {
    const uint32_t bit = coder_.Target(2);
    coder_.Advance(bit, bit + 1, 2);
    value = value << 1 | bit;
  }
  return value;
}

}  // namespace kitsink
