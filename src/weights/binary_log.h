#pragma once
// Logarithms to base 2 in units of 2^-10, and their inverse, from tables that integer arithmetic makes.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kitsink {

inline constexpr int kLogOne = 1 << 10;

struct BinaryLog {
  std::array<uint16_t, 1024> log;    // of 1 + i / 1024
  std::array<uint32_t, 1024> power;  // 2^(i / 1024) in units of 2^-30
};
const BinaryLog& BinaryLogTables();

// REQUIRES: value > 0.
inline int Log2(const BinaryLog& tables, uint64_t value) {
  const int exponent = static_cast<int>(std::bit_width(value)) - 1;
  const uint64_t leading = exponent >= 10 ? value >> (exponent - 10) : value << (10 - exponent);
  return exponent * kLogOne + tables.log[leading & 1023];
}

// 2^(log / 1024) in units of 2^-20. REQUIRES: -20 * 1024 <= log < 10 * 1024.
inline int64_t Exp2(const BinaryLog& tables, int log) {
  const int exponent = log >> 10;
  const int64_t power = tables.power[static_cast<size_t>(log & 1023)];
  return exponent >= 10 ? power << (exponent - 10) : power >> (10 - exponent);
}

}  // namespace kitsink
