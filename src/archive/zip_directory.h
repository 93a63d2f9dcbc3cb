#pragma once
// The directory of a zip of unknown origin, read by hand: what readers might understand differently is refused.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

struct ZipEntry {
  std::string name;           // of a file or, with a final slash, of a folder; leads nowhere but into the zip's folder
  uint16_t flags = 0;         // PKWARE's general purpose bits
  uint16_t method = 0;        // 0 stored, 8 Deflate, others by PKWARE's list
  uint32_t crc = 0;           // CRC-32 of the contents
  uint64_t packed_bytes = 0;  // in the zip
  uint64_t size_bytes = 0;    // unfolded, as declared
  uint64_t data_byte = 0;     // where the packed bytes begin
  bool is_program = false;    // its owner may run it

  bool is_folder() const { return name.ends_with('/'); }
};

inline constexpr uint16_t kStored = 0;

// The entries in the directory's order. Every entry lies within the zip and shares no byte with another, its two
// headers and the record that may follow its data agree, and its name is relative, clean and unique. Refused with a
// sentence that names the trick: path traversal, absolute names, device names, links and special files, duplicate
// names, encryption, split zips, claims of 4 GB, zip bombs, and zips that end in two ways.
Result<std::vector<ZipEntry>> ReadZipDirectory(std::span<const uint8_t> zip, const Limits& limits);

}  // namespace kitsink
