// Reads the directory of an untrusted zip and refuses whatever two readers could understand differently.

#include "archive/zip_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <string_view>

#include "archive/zip_name.h"
#include "kitsink/bytes.h"
#include "kitsink/contest.h"

namespace kitsink {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kEntrySignature = 0x02014b50;
constexpr uint32_t kZip64EndSignature = 0x06064b50, kZip64LocatorSignature = 0x07064b50;
constexpr uint32_t kSplitSignature = 0x08074b50;  // of a split zip's first part, and of a data descriptor
constexpr size_t kEntryBytes = 46, kEndBytes = 22, kZip64EndBytes = 56, kZip64LocatorBytes = 20;

Error Corrupt(const std::string& what) { return Error{Code::kCorrupt, "damaged zip archive: " + what}; }
Error Refuse(const std::string& what) { return Error{Code::kUnsupported, what}; }

std::string Text(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

uint32_t Signature(std::span<const uint8_t> zip, size_t at) { return ByteReader(zip.subspan(at)).U32(); }

struct End {
  uint64_t num_entries = 0, directory_byte = 0, directory_bytes = 0;
};

// A writer that streams may put a zip64 end record and its locator before the end record at byte `at`. Both must repeat
// the end record's values. Returns where the directory must end.
Result<uint64_t> SkipZip64End(std::span<const uint8_t> zip, uint64_t at, const End& end) {
  if (at < kZip64LocatorBytes || Signature(zip, at - kZip64LocatorBytes) != kZip64LocatorSignature) return at;
  const uint64_t begin = at - std::min(at, kZip64LocatorBytes + kZip64EndBytes);
  ByteReader reader(zip.subspan(begin, at - begin));
  bool repeats = reader.U32() == kZip64EndSignature && reader.U64() == kZip64EndBytes - 12;
  reader.U32();                                          // versions
  repeats = repeats && reader.U64() == 0;                // numbers of this disk and of the directory's
  repeats = repeats && reader.U64() == end.num_entries;  // entries on this disk
  repeats = repeats && reader.U64() == end.num_entries && reader.U64() == end.directory_bytes;
  repeats = repeats && reader.U64() == end.directory_byte;
  reader.U32();  // the locator's signature
  repeats = repeats && reader.U32() == 0 && reader.U64() == begin && reader.U32() == 1 && !reader.overran();
  if (!repeats)
    return Refuse("has a zip64 end record that says other than its end record, at byte " + std::to_string(at));
  return begin;
}

// Reads the last end record, the one that every reader uses. Refuses a zip whose end could be read in another way.
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
  if (entries == UINT16_MAX || directory_bytes == UINT32_MAX || directory_byte == UINT32_MAX) {
    return Refuse("claims 4 GB or more (zip64), in " + std::to_string(zip.size()) + " bytes");
  }
  if (split_start || disk != 0 || directory_disk != 0 || entries_here != entries) {
    return Refuse("is one part of a split zip, expected a whole one");
  }
  const End end{entries, directory_byte, directory_bytes};
  KIT_ASSIGN(const uint64_t directory_end, SkipZip64End(zip, at, end));
  if (uint64_t{directory_byte} + directory_bytes != directory_end) {
    return Corrupt("its directory ends at byte " + std::to_string(uint64_t{directory_byte} + directory_bytes) +
                   ", expected to end where the end record begins, at byte " + std::to_string(directory_end));
  }
  if (directory_bytes / kEntryBytes < entries) {
    return Corrupt("declares " + std::to_string(entries) + " members in a directory of " +
                   std::to_string(directory_bytes) + " bytes" + where);
  }
  return end;
}

// The blocks of an extra field that have header id `id`.
std::vector<std::span<const uint8_t>> ExtraFields(std::span<const uint8_t> extra, uint16_t id) {
  std::vector<std::span<const uint8_t>> fields;
  ByteReader reader(extra);
  while (reader.remaining() >= 4) {
    const bool wanted = reader.U16() == id;
    const std::span<const uint8_t> field = reader.Take(reader.U16());
    if (wanted) fields.push_back(field);
  }
  return fields;
}

// A name in Info-ZIP's Unicode path field that differs from `name`; empty if there is none. Some readers prefer it.
std::string SecondName(std::span<const uint8_t> extra, const std::string& name) {
  constexpr uint16_t kUnicodePath = 0x7075;
  constexpr size_t kVersionAndCrc = 5;
  for (const std::span<const uint8_t> field : ExtraFields(extra, kUnicodePath)) {
    if (field.size() <= kVersionAndCrc) continue;
    std::string second = Text(field.subspan(kVersionAndCrc));
    if (second != name) return second;
  }
  return "";
}

// The fields that both headers of an entry hold.
struct Fields {
  uint16_t flags = 0, method = 0;
  uint32_t crc = 0;
  uint64_t packed_bytes = 0, size_bytes = 0;

  bool encrypted() const {
    constexpr uint16_t kFlags = 1 << 0 | 1 << 6 | 1 << 13;
    constexpr uint16_t kAesMethod = 99;
    return (flags & kFlags) != 0 || method == kAesMethod;
  }
  bool claims_zip64() const { return packed_bytes >= UINT32_MAX || size_bytes >= UINT32_MAX; }
  // A writer that streams may leave checksum and sizes to a data descriptor, a record behind the data.
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

// A size of 0xffffffff means that the 64-bit size is in the zip64 extra field. Writers that stream reserve this field
// before they know the sizes.
void ReadZip64Sizes(std::span<const uint8_t> extra, Fields& fields) {
  constexpr uint16_t kZip64 = 0x0001;
  const std::vector<std::span<const uint8_t>> found = ExtraFields(extra, kZip64);
  if (found.size() != 1) return;
  ByteReader reader(found.front());
  for (uint64_t* size : {&fields.size_bytes, &fields.packed_bytes}) {
    if (*size == UINT32_MAX && reader.remaining() >= sizeof(*size)) *size = reader.U64();
  }
}

// `local` must hold the values of `fields`. It may hold zeros when a data descriptor follows.
bool Agree(const Fields& local, const Fields& fields) {
  const auto same = [&local](uint64_t here, uint64_t there) {
    return here == there || (here == 0 && local.sizes_follow());
  };
  return local.method == fields.method && same(local.crc, fields.crc) &&
         same(local.packed_bytes, fields.packed_bytes) && same(local.size_bytes, fields.size_bytes);
}

// Size of the data descriptor at the start of `behind`, with or without a signature and with sizes of 32 or 64 bits.
// Nothing if `behind` starts with no descriptor that holds the values of `fields`.
std::optional<size_t> FollowingRecord(std::span<const uint8_t> behind, const Fields& fields) {
  for (const bool has_signature : {true, false}) {
    for (const bool is_wide : {false, true}) {
      ByteWriter record;
      if (has_signature) record.U32(kSplitSignature);
      record.U32(fields.crc);
      for (const uint64_t size : {fields.packed_bytes, fields.size_bytes}) {
        is_wide ? record.U64(size) : record.U32(static_cast<uint32_t>(size));
      }
      const Bytes expected = record.Take();
      if (behind.size() >= expected.size() && std::ranges::equal(behind.first(expected.size()), expected)) {
        return expected.size();
      }
    }
  }
  return std::nullopt;
}

Status CheckKind(const std::string& quoted, const Fields& fields, uint32_t mode, bool is_folder) {
  if (fields.encrypted()) return Refuse(quoted + " is encrypted");
  const uint32_t type = mode & S_IFMT;
  if (type == S_IFLNK) return Refuse(quoted + " is a symbolic link, expected a regular file");
  if (type == S_IFCHR || type == S_IFBLK) return Refuse(quoted + " is a device, expected a regular file");
  if (type == S_IFIFO) {
    return Refuse(quoted + " is a named pipe, expected a regular file; zip writes so of what it reads from stdin");
  }
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

// Byte positions of an entry: its local header, its packed bytes, and the end of its data descriptor or packed bytes.
struct Extent {
  uint64_t begin = 0, data = 0, end = 0;
};

// Checks that the local header and the data descriptor agree with the directory.
Result<Extent> CheckLocal(std::span<const uint8_t> before_directory, uint64_t at, const std::string& name,
                          const Fields& fields) {
  const std::string quoted = "member " + Quoted(name);
  ByteReader reader(before_directory.subspan(std::min<uint64_t>(at, before_directory.size())));
  if (reader.U32() != kLocalSignature) {
    return Corrupt(quoted + " has no header of its own, at byte " + std::to_string(at));
  }
  reader.U16();  // version needed
  Fields local = ReadFields(reader);
  const uint16_t name_bytes = reader.U16(), extra_bytes = reader.U16();
  const std::string local_name = Text(reader.Take(name_bytes));
  const std::span<const uint8_t> extra = reader.Take(extra_bytes);
  if (reader.overran()) return Corrupt(quoted + ": its own header ends early, at byte " + std::to_string(at));
  if (local_name != name) return Refuse(quoted + " is called " + Quoted(local_name) + " in its own header");
  const std::string second = SecondName(extra, name);
  if (!second.empty()) return Refuse(quoted + " is called " + Quoted(second) + " in its own header");
  if (local.encrypted()) return Refuse(quoted + " is encrypted");
  ReadZip64Sizes(extra, local);
  if (local.claims_zip64()) return Refuse(quoted + " claims 4 GB or more (zip64) in its own header");
  if (!Agree(local, fields)) {
    return Corrupt(quoted + ": its own header contradicts the directory, at byte " + std::to_string(at));
  }
  Extent extent{at, at + reader.position(), 0};
  if (fields.packed_bytes > reader.remaining()) {
    return Corrupt(quoted + " claims " + std::to_string(fields.packed_bytes) + " bytes, the zip has " +
                   std::to_string(reader.remaining()) + " for it");
  }
  extent.end = extent.data + fields.packed_bytes;
  if (local.sizes_follow()) {
    const std::optional<size_t> record_bytes = FollowingRecord(before_directory.subspan(extent.end), fields);
    if (!record_bytes.has_value()) {
      return Corrupt(quoted + ": the record behind its data is missing or contradicts the directory, at byte " +
                     std::to_string(extent.end));
    }
    extent.end += *record_bytes;
  }
  return extent;
}

// Reads the next entry of the directory and sets `extent` to its position.
Result<ZipEntry> ReadEntry(std::span<const uint8_t> before_directory, ByteReader& reader, Extent& extent) {
  if (reader.U32() != kEntrySignature) return Corrupt("an entry of its directory does not begin as one");
  reader.U32();  // versions
  const Fields fields = ReadFields(reader);
  const uint16_t name_bytes = reader.U16(), extra_bytes = reader.U16(), comment_bytes = reader.U16();
  const uint16_t disk = reader.U16();
  reader.U16();  // internal attributes
  const uint32_t mode = reader.U32() >> 16;
  const uint32_t local_byte = reader.U32();
  const std::string name = Text(reader.Take(name_bytes));
  const std::string second = SecondName(reader.Take(extra_bytes), name);
  reader.Take(comment_bytes);
  if (reader.overran()) return Corrupt("its directory ends early");
  const std::string quoted = "member " + Quoted(name);
  if (disk != 0) return Refuse(quoted + " lies in another part of a split zip");
  if (!second.empty()) return Refuse(quoted + " has a second name, " + Quoted(second));
  ZipEntry entry;
  KIT_ASSIGN(entry.name, CleanZipName(name));
  KIT_TRY(CheckKind(quoted, fields, mode, entry.is_folder()));
  KIT_ASSIGN(extent, CheckLocal(before_directory, local_byte, name, fields));
  entry.data_byte = extent.data;
  entry.flags = fields.flags;
  entry.method = fields.method;
  entry.crc = fields.crc;
  entry.packed_bytes = fields.packed_bytes;
  entry.size_bytes = fields.size_bytes;
  entry.is_program = !entry.is_folder() && (mode & S_IXUSR) != 0;
  return entry;
}

// Refuses duplicate names, and a file whose name is also a folder of another member.
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

Status CheckOverlaps(const std::vector<ZipEntry>& entries, const std::vector<Extent>& extents) {
  std::vector<size_t> order(extents.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&extents](size_t i) { return extents[i].begin; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (extents[order[i - 1]].end <= extents[order[i]].begin) continue;
    return Refuse("members " + Quoted(entries[order[i - 1]].name) + " and " + Quoted(entries[order[i]].name) +
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
  ByteReader reader(zip.subspan(end.directory_byte, end.directory_bytes));
  std::vector<ZipEntry> entries;
  std::vector<Extent> extents(end.num_entries);
  entries.reserve(end.num_entries);
  uint64_t unfolded_bytes = 0;
  for (uint64_t i = 0; i < end.num_entries; ++i) {
    KIT_ASSIGN(ZipEntry entry, ReadEntry(zip.first(end.directory_byte), reader, extents[i]));
    unfolded_bytes += entry.size_bytes;
    entries.push_back(std::move(entry));
  }
  if (reader.remaining() != 0) {
    return Corrupt("its directory holds " + std::to_string(reader.remaining()) + " bytes more than its " +
                   std::to_string(end.num_entries) + " members need");
  }
  KIT_TRY(CheckNames(entries));
  KIT_TRY(CheckOverlaps(entries, extents));
  KIT_TRY(CheckUnfolded(unfolded_bytes, zip.size(), limits));
  return entries;
}

}  // namespace kitsink
