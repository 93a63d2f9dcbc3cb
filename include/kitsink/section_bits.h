#pragma once
// Small fields of a section: flags and numbers as decisions of the binary coder.

#include <cmath>
#include <cstdint>
#include <span>

#include "kitsink/adaptive_bit.h"
#include "kitsink/binary_coder.h"

namespace kitsink {

// Coder is BinaryEncoder or BinaryDecoder; decoding ignores the given values.
template <typename Coder>
class SectionBits {
 public:
  explicit SectionBits(Coder& coder) : coder_(coder) {}

  // The first decision of a section: true. False is kept for later versions.
  bool CodeVersion() { return CodeUsual(true); }
  // A flag that costs next to nothing when it is true.
  bool CodeUsual(bool usual) { return Code(usual, ~(1U << 26)); }
  // Equiprobable bits, highest first.
  uint32_t CodeRaw(uint32_t value, int count) {
    uint32_t coded = 0;
    for (int i = count - 1; i >= 0; --i) coded = coded << 1 | (Code((value >> i & 1U) != 0, 1U << 31) ? 1U : 0U);
    return coded;
  }
  bool CodeAdaptive(AdaptiveBit& model, bool bit) {
    const bool coded = Code(bit, model.ones() << 16);
    model.Update(coded);
    return coded;
  }
  // `count` bits, highest first, each with the model that the bits before it select. REQUIRES: 2^count models.
  uint32_t CodeTree(std::span<AdaptiveBit> models, uint32_t value, int count) {
    uint32_t node = 1;
    for (int i = count - 1; i >= 0; --i)
      node = node << 1 | (CodeAdaptive(models[node], (value >> i & 1U) != 0) ? 1U : 0U);
    return node - (1U << count);
  }
  // Ideal length of what was coded so far.
  double bits() const { return bits_; }

 private:
  bool Code(bool bit, uint32_t p_one) {
    const bool coded = coder_.Code(bit ? 1 : 0, p_one) != 0;
    bits_ -= std::log2((coded ? p_one : 0x1p32 - p_one) * 0x1p-32);
    return coded;
  }
  Coder& coder_;
  double bits_ = 0;
};

}  // namespace kitsink
