// Makes the tables of logarithms and powers.

#include "weights/binary_log.h"

namespace kitsink {
namespace {

BinaryLog MakeTables() {
  BinaryLog tables;
  for (uint64_t i = 0; i < 1024; ++i) {
    // Squaring doubles the logarithm: the digit before the point is its next bit.
    uint64_t value = (1024 + i) << 20, log = 0;
    for (int bit = 0; bit < 10; ++bit) {
      value = (value >> 1) * (value >> 1) >> 28;
      log = log << 1 | (value >> 31);
      if (value >> 31 != 0) value >>= 1;
    }
    tables.log[i] = static_cast<uint16_t>(log);
  }
  constexpr uint64_t kStep = 4297875550;  // 2^(1 / 1024) in units of 2^-32
  uint64_t power = uint64_t{1} << 30;
  for (uint32_t& entry : tables.power) {
    entry = static_cast<uint32_t>(power);
    power = (power * kStep + (uint64_t{1} << 31)) >> 32;
  }
  return tables;
}

}  // namespace

const BinaryLog& BinaryLogTables() {
  static const BinaryLog tables = MakeTables();
  return tables;
}

}  // namespace kitsink
