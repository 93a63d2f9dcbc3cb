// Makes the tables of stretch and squash with integer arithmetic.

#include "kitsink/logistic.h"

namespace kitsink {
namespace {

LogisticTables MakeTables() {
  LogisticTables tables{};
  // `power` runs through the powers of e^(-1/256), in units of 2^-31. kFactor is e^(-1/256) in units of 2^-32.
  constexpr uint64_t kFactor = 4278222805U;
  uint64_t power = uint64_t{1} << 31;
  for (int i = 0; i <= kMaxStretch; ++i) {
    const uint64_t p = (power << 32) / ((uint64_t{1} << 31) + power);  // e^-x / (1 + e^-x)
    tables.squash[static_cast<size_t>(kMaxStretch - i)] = static_cast<uint32_t>(p);
    tables.squash[static_cast<size_t>(kMaxStretch + i)] = static_cast<uint32_t>((uint64_t{1} << 32) - p);
    power = (power * kFactor + (uint64_t{1} << 31)) >> 32;
  }
  // A bucket gets the largest stretch whose squash does not exceed the middle of the bucket.
  int stretch = -kMaxStretch;
  for (uint32_t exponent = 0; exponent < 16; ++exponent) {
    for (uint32_t mantissa = 0; mantissa < 64; ++mantissa) {
      const uint64_t low = uint64_t{64 + mantissa} << exponent;
      const uint64_t middle = (2 * low + (uint64_t{1} << exponent)) << (31 - kProbabilityBits);
      while (stretch < 0 && Squash(tables, stretch + 1) <= middle) ++stretch;
      tables.stretch[exponent * 64 + mantissa] = static_cast<int16_t>(stretch);
    }
  }
  return tables;
}

}  // namespace

const LogisticTables& Logistic() {
  static const LogisticTables tables = MakeTables();
  return tables;
}

}  // namespace kitsink
