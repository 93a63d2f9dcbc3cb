#pragma once
// Reads the directory of an untrusted zip, and refuses a zip that two readers could understand differently.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

struct ZipEntry {
  std::string name;           // clean relative path; a folder's ends with a slash
  uint16_t flags = 0;         // PKWARE's general purpose bits
  uint16_t method = 0;        // 0 stored, 8 Deflate, others by PKWARE's list
  uint32_t crc = 0;           // CRC-32 of the contents
  uint64_t packed_bytes = 0;  // in the zip
  uint64_t size_bytes = 0;    // decompressed, as declared
  uint64_t data_byte = 0;     // position of the packed bytes
  bool is_program = false;    // the owner's executable bit

  bool is_folder() const { return name.ends_with('/'); }
};

inline constexpr uint16_t kStored = 0;

// The entries in the directory's order. Every entry lies within the zip and shares no byte with another. Its two
// headers and its data descriptor agree. Its name is relative, clean and unique. An error names the trick that it
// refuses: path traversal, absolute names, device names, links and special files, duplicate names, encryption, split
// zips, claims of 4 GB, zip bombs, and zips with an ambiguous end.
Result<std::vector<ZipEntry>> ReadZipDirectory(std::span<const uint8_t> zip, const Limits& limits);

}  // namespace kitsink
