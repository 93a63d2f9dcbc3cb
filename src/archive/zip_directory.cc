#include "archive/zip_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string_view>

#include "kitsink/bytes.h"
#include "kitsink/contest.h"

namespace kitsink {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kEntrySignature = 0x02014b50;
constexpr uint32_t kZip64Signature = 0x07064b50;  // the locator, just before the end record
constexpr uint32_t kSplitSignature = 0x08074b50;  // first part of a split zip
constexpr size_t kEntryBytes = 46, kEndBytes = 22, kLocatorBytes = 20;

Error Corrupt(const std::string& what) { return Error{Code::kCorrupt, "damaged zip archive: " + what}; }
Error Refuse(const std::string& what) { return Error{Code::kUnsupported, what}; }

std::string Text(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

uint32_t Signature(std::span<const uint8_t> zip, size_t at) { return ByteReader(zip.subspan(at)).U32(); }

struct End {
  uint64_t byte = 0;  // of the record itself
  uint64_t num_entries = 0, directory_byte = 0;
};

// The last end record, which is the one that every reader takes; a zip that leaves room for another reading is refused.
Result<End> ReadEnd(std::span<const uint8_t> zip) {
  constexpr std::string_view kMark = "PK\5\6";
  const std::string_view text(reinterpret_cast<const char*>(zip.data()), zip.size());
  const size_t at = text.rfind(kMark);
  const bool split_start = zip.size() >= 4 && Signature(zip, 0) == kSplitSignature;
  if (at == text.npos || zip.size() - at < kEndBytes) {
    if (split_start) return Refuse("is the first part of a split zip, expected a whole one");
    return Corrupt("no end record in its " + std::to_string(zip.size()) + " bytes, it was cut short");
  }
  ByteReader reader(zip.subspan(at));
  reader.U32();
  const uint16_t disk = reader.U16(), directory_disk = reader.U16();
  const uint16_t entries_here = reader.U16(), entries = reader.U16();
  const uint32_t directory_bytes = reader.U32(), directory_byte = reader.U32();
  const uint16_t comment_bytes = reader.U16();
  const std::string where = ", at byte " + std::to_string(at);
  if (comment_bytes != reader.remaining()) {
    return Corrupt("its end record is followed by " + std::to_string(reader.remaining()) + " bytes, expected " +
                   std::to_string(comment_bytes) + where);
  }
  const bool zip64 = at >= kLocatorBytes && Signature(zip, at - kLocatorBytes) == kZip64Signature;
  if (zip64 || entries == UINT16_MAX || directory_bytes == UINT32_MAX || directory_byte == UINT32_MAX) {
    return Refuse("claims 4 GB or more (zip64), in " + std::to_string(zip.size()) + " bytes");
  }
  if (split_start || disk != 0 || directory_disk != 0 || entries_here != entries) {
    return Refuse("is one part of a split zip, expected a whole one");
  }
  if (uint64_t{directory_byte} + directory_bytes != at) {
    return Corrupt("its directory ends at byte " + std::to_string(uint64_t{directory_byte} + directory_bytes) +
                   ", expected to end where the end record begins" + where);
  }
  if (directory_bytes / kEntryBytes < entries) {
    return Corrupt("declares " + std::to_string(entries) + " members in a directory of " +
                   std::to_string(directory_bytes) + " bytes" + where);
  }
  return End{at, entries, directory_byte};
}

// A name that an unzipper on Windows would hand to a device, with or without an extension.
bool IsDevice(std::string_view component) {
  std::string stem(component.substr(0, component.find('.')));
  while (stem.ends_with(' ')) stem.pop_back();
  for (char& c : stem) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  constexpr std::array<std::string_view, 6> kDevices = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
  if (std::ranges::find(kDevices, stem) != kDevices.end()) return true;
  return stem.size() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT")) && stem[3] >= '1' && stem[3] <= '9';
}

// `name` without "." and empty components, if it is fit to be written to disk.
Result<std::string> CleanName(const std::string& name) {
  const std::string quoted = "member " + Quoted(name);
  if (name.find('\0') != name.npos) return Refuse(quoted + " has a zero byte in its name, where some readers stop");
  if (std::ranges::any_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return Refuse(quoted + " has a control character in its name");
  }
  if (name.find('\\') != name.npos) {
    return Refuse(quoted + " has a backslash in its name, which some readers take for a folder's end");
  }
  if (name.starts_with('/')) return Refuse(quoted + " leads out of the folder: an absolute name");
  if (name.size() >= 2 && name[1] == ':') return Refuse(quoted + " leads out of the folder: a drive letter");
  std::string clean;
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view component = std::string_view(name).substr(begin, end - begin);
    begin = end + 1;
    if (component == "..") return Refuse(quoted + " leads out of the folder: path traversal by \"..\"");
    if (IsDevice(component)) return Refuse(quoted + " is named like a device, " + Quoted(component));
    if (component.empty() || component == ".") continue;
    if (!clean.empty()) clean += '/';
    clean += component;
  }
  if (clean.empty()) return Refuse(quoted + " has an empty name");
  if (name.ends_with('/')) clean += '/';
  return clean;
}

// The name in Info-ZIP's Unicode path field, which its unzip and libzip prefer; empty without one.
std::string SecondName(std::span<const uint8_t> extra) {
  constexpr uint16_t kUnicodePath = 0x7075;
  constexpr size_t kVersionAndCrc = 5;
  ByteReader reader(extra);
  while (reader.remaining() >= 4) {
    const uint16_t id = reader.U16();
    const std::span<const uint8_t> field = reader.Take(reader.U16());
    if (id == kUnicodePath && field.size() > kVersionAndCrc) return Text(field.subspan(kVersionAndCrc));
  }
  return "";
}

// What both headers of an entry say.
struct Fields {
  uint16_t flags = 0, method = 0;
  uint32_t crc = 0, packed_bytes = 0, size_bytes = 0;

  bool encrypted() const {
    constexpr uint16_t kFlags = 1 << 0 | 1 << 6 | 1 << 13;
    constexpr uint16_t kAesMethod = 99;
    return (flags & kFlags) != 0 || method == kAesMethod;
  }
  bool claims_zip64() const { return packed_bytes == UINT32_MAX || size_bytes == UINT32_MAX; }
  // The local header may leave checksum and sizes to a record behind the data.
  bool sizes_follow() const { return (flags & 1 << 3) != 0; }
};

Fields ReadFields(ByteReader& reader) {
  Fields fields;
  fields.flags = reader.U16();
  fields.method = reader.U16();
  reader.U32();  // time and date
  fields.crc = reader.U32();
  fields.packed_bytes = reader.U32();
  fields.size_bytes = reader.U32();
  return fields;
}

Status CheckKind(const std::string& quoted, const Fields& fields, uint32_t mode, bool is_folder) {
  if (fields.encrypted()) return Refuse(quoted + " is encrypted");
  const uint32_t type = mode & S_IFMT;
  if (type == S_IFLNK) return Refuse(quoted + " is a symbolic link, expected a regular file");
  if (type == S_IFCHR || type == S_IFBLK) return Refuse(quoted + " is a device, expected a regular file");
  if (type != 0 && type != (is_folder ? S_IFDIR : S_IFREG)) {
    return Refuse(quoted + " is a special file, expected a " + (is_folder ? "folder" : "regular file"));
  }
  if (fields.claims_zip64()) return Refuse(quoted + " claims 4 GB or more (zip64)");
  if (is_folder && fields.size_bytes != 0) return Refuse(quoted + " is a folder with contents");
  if (fields.method == kStored && fields.packed_bytes != fields.size_bytes) {
    return Error{Code::kCorrupt, quoted + " is stored, but in " + std::to_string(fields.packed_bytes) +
                                     " bytes, expected " + std::to_string(fields.size_bytes)};
  }
  return Ok();
}

// The local header says the same as the directory; yields where the data begins.
Result<uint64_t> CheckLocal(std::span<const uint8_t> before_directory, uint64_t at, const std::string& name,
                            const Fields& fields) {
  const std::string quoted = "member " + Quoted(name);
  ByteReader reader(before_directory.subspan(std::min<uint64_t>(at, before_directory.size())));
  if (reader.U32() != kLocalSignature) {
    return Corrupt(quoted + " has no header of its own, at byte " + std::to_string(at));
  }
  reader.U16();  // version needed
  const Fields local = ReadFields(reader);
  const uint16_t name_bytes = reader.U16(), extra_bytes = reader.U16();
  const std::string local_name = Text(reader.Take(name_bytes));
  const std::string second = SecondName(reader.Take(extra_bytes));
  if (reader.overran()) return Corrupt(quoted + ": its own header ends early, at byte " + std::to_string(at));
  if (local_name != name) return Refuse(quoted + " is called " + Quoted(local_name) + " in its own header");
  if (!second.empty() && second != name) return Refuse(quoted + " is called " + Quoted(second) + " in its own header");
  if (local.encrypted()) return Refuse(quoted + " is encrypted");
  const bool same_sizes =
      local.crc == fields.crc && local.packed_bytes == fields.packed_bytes && local.size_bytes == fields.size_bytes;
  if (local.method != fields.method || (!same_sizes && !local.sizes_follow())) {
    if (local.claims_zip64()) return Refuse(quoted + " claims 4 GB or more (zip64) in its own header");
    return Corrupt(quoted + ": its own header contradicts the directory, at byte " + std::to_string(at));
  }
  if (fields.packed_bytes > reader.remaining()) {
    return Corrupt(quoted + " claims " + std::to_string(fields.packed_bytes) + " bytes, the zip has " +
                   std::to_string(reader.remaining()) + " for it");
  }
  return at + reader.position();
}

// Reads the next entry of the directory; `local_byte` gets where its own header begins.
Result<ZipEntry> ReadEntry(std::span<const uint8_t> before_directory, ByteReader& reader, uint64_t& local_byte) {
  if (reader.U32() != kEntrySignature) return Corrupt("an entry of its directory does not begin as one");
  reader.U32();  // versions
  const Fields fields = ReadFields(reader);
  const uint16_t name_bytes = reader.U16(), extra_bytes = reader.U16(), comment_bytes = reader.U16();
  const uint16_t disk = reader.U16();
  reader.U16();  // internal attributes
  const uint32_t mode = reader.U32() >> 16;
  local_byte = reader.U32();
  const std::string name = Text(reader.Take(name_bytes));
  const std::string second = SecondName(reader.Take(extra_bytes));
  reader.Take(comment_bytes);
  if (reader.overran()) return Corrupt("its directory ends early");
  const std::string quoted = "member " + Quoted(name);
  if (disk != 0) return Refuse(quoted + " lies in another part of a split zip");
  if (!second.empty() && second != name) return Refuse(quoted + " has a second name, " + Quoted(second));
  ZipEntry entry;
  KIT_ASSIGN(entry.name, CleanName(name));
  KIT_TRY(CheckKind(quoted, fields, mode, entry.is_folder()));
  KIT_ASSIGN(entry.data_byte, CheckLocal(before_directory, local_byte, name, fields));
  entry.method = fields.method;
  entry.crc = fields.crc;
  entry.packed_bytes = fields.packed_bytes;
  entry.size_bytes = fields.size_bytes;
  entry.is_program = !entry.is_folder() && (mode & S_IXUSR) != 0;
  return entry;
}

// No name is there twice, and no file's name is another's folder.
Status CheckNames(const std::vector<ZipEntry>& entries) {
  std::map<std::string_view, bool> is_folder;
  const auto mark_folder = [&is_folder](std::string_view path) {
    const auto [at, added] = is_folder.try_emplace(path, true);
    return at->second;
  };
  for (const ZipEntry& entry : entries) {
    const std::string_view name = entry.name;
    if (!entry.is_folder() && !is_folder.try_emplace(name, false).second) {
      return Refuse("member " + Quoted(name) + " is there twice");
    }
  }
  for (const ZipEntry& entry : entries) {
    const std::string_view name = entry.name;
    for (size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
      if (mark_folder(name.substr(0, slash))) continue;
      return Refuse("member " + Quoted(name.substr(0, slash)) + " is a file, and a folder of member " + Quoted(name));
    }
  }
  return Ok();
}

// Where an entry lies in the zip, from its own header to the last of its packed bytes.
struct Extent {
  uint64_t begin, end;
  std::string_view name;
};

Status CheckOverlaps(std::vector<Extent> extents) {
  std::ranges::sort(extents, {}, &Extent::begin);
  for (size_t i = 1; i < extents.size(); ++i) {
    if (extents[i - 1].end <= extents[i].begin) continue;
    return Refuse("members " + Quoted(extents[i - 1].name) + " and " + Quoted(extents[i].name) +
                  " share bytes, as in a zip bomb");
  }
  return Ok();
}

Status CheckUnfolded(uint64_t unfolded_bytes, uint64_t zip_bytes, const Limits& limits) {
  const std::string what = "its files have " + std::to_string(unfolded_bytes) + " bytes";
  if (unfolded_bytes > limits.max_extracted_bytes) {
    return Error{Code::kLimit, what + ", limit " + std::to_string(limits.max_extracted_bytes)};
  }
  if (unfolded_bytes > kUnfoldingMattersFrom && unfolded_bytes / limits.max_unfolding > zip_bytes) {
    return Error{Code::kLimit, "is a zip bomb: " + what + " in " + std::to_string(zip_bytes) + ", limit " +
                                   std::to_string(limits.max_unfolding) + " times as many"};
  }
  return Ok();
}

}  // namespace

Result<std::vector<ZipEntry>> ReadZipDirectory(std::span<const uint8_t> zip, const Limits& limits) {
  if (zip.empty()) return Error{Code::kCorrupt, "is empty, expected a zip archive"};
  constexpr std::string_view kStart = "PK";
  if (IsLfsPointer(zip)) {
    return Error{Code::kCorrupt,
                 "is a Git LFS pointer, not the zip itself; run \"git lfs pull\" in the repository it is from"};
  }
  if (!std::ranges::equal(zip.first(std::min(zip.size(), kStart.size())), kStart)) {
    return Error{Code::kCorrupt, "not a zip archive, starts with " +
                                     Quoted(Text(zip.first(std::min<size_t>(zip.size(), 8)))) + ", expected \"PK\""};
  }
  KIT_ASSIGN(const End end, ReadEnd(zip));
  ByteReader reader(zip.subspan(end.directory_byte, end.byte - end.directory_byte));
  std::vector<ZipEntry> entries;
  std::vector<uint64_t> local_bytes(end.num_entries);
  entries.reserve(end.num_entries);
  uint64_t unfolded_bytes = 0;
  for (uint64_t i = 0; i < end.num_entries; ++i) {
    KIT_ASSIGN(ZipEntry entry, ReadEntry(zip.first(end.directory_byte), reader, local_bytes[i]));
    unfolded_bytes += entry.size_bytes;
    entries.push_back(std::move(entry));
  }
  if (reader.remaining() != 0) {
    return Corrupt("its directory holds " + std::to_string(reader.remaining()) + " bytes more than its " +
                   std::to_string(end.num_entries) + " members need");
  }
  KIT_TRY(CheckNames(entries));
  std::vector<Extent> extents;
  for (size_t i = 0; i < entries.size(); ++i) {
    extents.push_back({local_bytes[i], entries[i].data_byte + entries[i].packed_bytes, entries[i].name});
  }
  KIT_TRY(CheckOverlaps(std::move(extents)));
  KIT_TRY(CheckUnfolded(unfolded_bytes, zip.size(), limits));
  return entries;
}

}  // namespace kitsink
