#pragma once
// Builds forged zips field by field.

#include <string>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/hash.h"

namespace kitsink::testing {

struct ForgedEntry {
  std::string name = "p";
  Bytes data = {1, 2, 3};
  uint16_t flags = 0, method = 0;
  uint32_t mode = 0;  // upper half of the external attributes
  uint16_t disk = 0;
  Bytes extra = {};
  // Values to write instead of the right ones; -1 writes the right value.
  int64_t crc = -1, packed_bytes = -1, size_bytes = -1, local_byte = -1;
  int64_t local_crc = -1, local_packed_bytes = -1, local_size_bytes = -1;
  std::string local_name = "";  // empty = the name
  uint16_t local_flags = 0;     // in addition to `flags`
  Bytes local_extra = {};
  Bytes behind = {};  // bytes after the data
};

// A zip64 extra field of `sizes`.
inline Bytes Zip64Extra(const std::vector<uint64_t>& sizes) {
  ByteWriter extra;
  extra.U16(0x0001);
  extra.U16(static_cast<uint16_t>(sizes.size() * 8));
  for (const uint64_t size : sizes) extra.U64(size);
  return extra.Take();
}

// The data descriptor that a writer that streams puts after an entry's data.
inline Bytes FollowingRecord(bool has_signature, bool is_wide, uint32_t crc, uint64_t packed_bytes,
                             uint64_t size_bytes) {
  ByteWriter record;
  if (has_signature) record.U32(0x08074b50);
  record.U32(crc);
  for (const uint64_t size : {packed_bytes, size_bytes}) {
    is_wide ? record.U64(size) : record.U32(static_cast<uint32_t>(size));
  }
  return record.Take();
}

// The zip64 end record and its locator. By default the directory at `directory_byte` has one entry with a name of one
// byte.
inline std::string Zip64End(uint64_t directory_byte, uint64_t directory_bytes = 47, uint64_t num_entries = 1) {
  ByteWriter end;
  end.U32(0x06064b50);
  end.U64(44);
  end.U32(45 << 16 | 45);
  end.U64(0);
  end.U64(num_entries);
  end.U64(num_entries);
  end.U64(directory_bytes);
  end.U64(directory_byte);
  end.U32(0x07064b50);
  end.U32(0);
  end.U64(directory_byte + directory_bytes);
  end.U32(1);
  const Bytes bytes = end.Take();
  return {bytes.begin(), bytes.end()};
}

struct ForgedZip {
  std::vector<ForgedEntry> entries = {{}};
  std::string prefix = "", comment = "", before_end = "";
  uint16_t disk = 0;
  int64_t num_entries = -1, directory_byte = -1, directory_bytes = -1;

  Bytes Build() const {
    const auto or_else = [](int64_t wanted, uint64_t truth) {
      return static_cast<uint32_t>(wanted >= 0 ? static_cast<uint64_t>(wanted) : truth);
    };
    const auto text = [](const std::string& s) {
      return std::span(reinterpret_cast<const uint8_t*>(s.data()), s.size());
    };
    ByteWriter zip;
    zip.Append(text(prefix));
    std::vector<uint32_t> local_bytes;
    for (const ForgedEntry& entry : entries) {
      const std::string& name = entry.local_name.empty() ? entry.name : entry.local_name;
      local_bytes.push_back(static_cast<uint32_t>(zip.size_bytes()));
      zip.U32(0x04034b50);
      zip.U16(20);
      zip.U16(entry.flags | entry.local_flags);
      zip.U16(entry.method);
      zip.U32(0x00210000);
      zip.U32(or_else(entry.local_crc, or_else(entry.crc, Crc32(entry.data, 0))));
      zip.U32(or_else(entry.local_packed_bytes, or_else(entry.packed_bytes, entry.data.size())));
      zip.U32(or_else(entry.local_size_bytes, or_else(entry.size_bytes, entry.data.size())));
      zip.U16(static_cast<uint16_t>(name.size()));
      zip.U16(static_cast<uint16_t>(entry.local_extra.size()));
      zip.Append(text(name));
      zip.Append(entry.local_extra);
      zip.Append(entry.data);
      zip.Append(entry.behind);
    }
    const size_t directory = zip.size_bytes();
    for (size_t i = 0; i < entries.size(); ++i) {
      const ForgedEntry& entry = entries[i];
      zip.U32(0x02014b50);
      zip.U16(3 << 8 | 20);
      zip.U16(20);
      zip.U16(entry.flags);
      zip.U16(entry.method);
      zip.U32(0x00210000);
      zip.U32(or_else(entry.crc, Crc32(entry.data, 0)));
      zip.U32(or_else(entry.packed_bytes, entry.data.size()));
      zip.U32(or_else(entry.size_bytes, entry.data.size()));
      zip.U16(static_cast<uint16_t>(entry.name.size()));
      zip.U16(static_cast<uint16_t>(entry.extra.size()));
      zip.U16(0);
      zip.U16(entry.disk);
      zip.U16(0);
      zip.U32(entry.mode << 16);
      zip.U32(or_else(entry.local_byte, local_bytes[i]));
      zip.Append(text(entry.name));
      zip.Append(entry.extra);
    }
    const size_t end = zip.size_bytes();
    zip.Append(text(before_end));
    zip.U32(0x06054b50);
    zip.U16(disk);
    zip.U16(disk);
    zip.U16(static_cast<uint16_t>(or_else(num_entries, entries.size())));
    zip.U16(static_cast<uint16_t>(or_else(num_entries, entries.size())));
    zip.U32(or_else(directory_bytes, end - directory));
    zip.U32(or_else(directory_byte, directory));
    zip.U16(static_cast<uint16_t>(comment.size()));
    zip.Append(text(comment));
    return zip.Take();
  }
};

}  // namespace kitsink::testing
