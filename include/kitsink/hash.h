#pragma once
// SHA-256, which identifies files, and the CRCs that protect streams.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "kitsink/result.h"

namespace kitsink {

// Lower-case hexadecimal, 64 characters.
std::string Sha256Hex(std::span<const uint8_t> bytes);
Result<std::string> Sha256HexOfFile(const std::filesystem::path& path);

// SHA-256 of bytes that arrive in parts.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void Update(std::span<const uint8_t> bytes);
  std::string FinishHex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// CRC-32 (IEEE 802.3, as in zip and zlib). `crc` is the result for the bytes before these, or 0 at the start.
uint32_t Crc32(std::span<const uint8_t> bytes, uint32_t crc);

// CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xffff).
uint16_t Crc16(std::span<const uint8_t> bytes);

// CRC-8, polynomial 0x07, with the given start value.
uint8_t Crc8(std::span<const uint8_t> bytes, uint8_t start);

}  // namespace kitsink
