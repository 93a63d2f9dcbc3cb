// Writes a zip of one stored member, reads such a zip or the folder it was extracted to; lists and extracts any zip.

#include <zlib.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "archive/shell.h"
#include "archive/zip_directory.h"
#include "kitsink/archive.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

constexpr std::string_view kMemberName = "p";
constexpr uint64_t kMaxZipOverhead = 1 << 16;  // other writers add extra fields and comments

// A zip of one stored entry named kMemberName. Written here, so that the bytes do not depend on a library's version.
// REQUIRES: a member below 4 GiB.
Bytes WriteZip(std::span<const uint8_t> member) {
  const uint32_t crc = Crc32(member, 0);
  const auto write_common = [&](ByteWriter& writer) {
    writer.U16(10);  // version needed
    writer.U16(0);   // flags
    writer.U16(kStored);
    writer.U16(0);       // time 00:00
    writer.U16(0x0021);  // date 1980-01-01
    writer.U32(crc);
    writer.U32(static_cast<uint32_t>(member.size()));
    writer.U32(static_cast<uint32_t>(member.size()));
    writer.U16(static_cast<uint16_t>(kMemberName.size()));
    writer.U16(0);  // extra field
  };
  const std::span name(reinterpret_cast<const uint8_t*>(kMemberName.data()), kMemberName.size());
  ByteWriter zip;
  zip.U32(0x04034b50);
  write_common(zip);
  zip.Append(name);
  zip.Append(member);
  const size_t directory_byte = zip.size_bytes();
  zip.U32(0x02014b50);
  zip.U16(10);  // made by: MS-DOS, 1.0
  write_common(zip);
  zip.U16(0);  // comment
  zip.U16(0);  // disk
  zip.U16(0);  // internal attributes
  zip.U32(0);  // external attributes
  zip.U32(0);  // local header's byte
  zip.Append(name);
  const size_t directory_bytes = zip.size_bytes() - directory_byte;
  zip.U32(0x06054b50);
  zip.U16(0);  // this disk
  zip.U16(0);  // the directory's disk
  zip.U16(1);  // entries on this disk
  zip.U16(1);  // entries
  zip.U32(static_cast<uint32_t>(directory_bytes));
  zip.U32(static_cast<uint32_t>(directory_byte));
  zip.U16(0);  // comment
  return zip.Take();
}

Result<Bytes> ReadZipFile(const std::filesystem::path& path, const Limits& limits) {
  return ReadFile(path, limits.max_member_bytes + kMaxZipOverhead);
}

Error WrongSum(const std::string& quoted, uint32_t crc, const ZipEntry& entry) {
  return Error{Code::kCorrupt,
               quoted + ": checksum " + std::to_string(crc) + ", expected " + std::to_string(entry.crc)};
}

Result<Bytes> ReadFolder(const std::filesystem::path& folder, const Limits& limits) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) return Error{Code::kIo, "cannot list the folder: " + error.message()};
  std::filesystem::path found;
  size_t num_entries = 0;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (num_entries++ == 0) found = entries->path();
    if (num_entries == 1000) break;
  }
  if (error) return Error{Code::kIo, "cannot list the folder: " + error.message()};
  if (num_entries != 1) {
    return Error{Code::kUnsupported, "folder of " + std::to_string(num_entries) +
                                         (num_entries == 1000 ? " or more" : "") +
                                         " entries, expected exactly one, the archive's member"};
  }
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(found, error))) {
    return Error{Code::kUnsupported, "its entry " + Quoted(found.filename().string()) + " is not a regular file"};
  }
  return ReadFile(found, limits.max_member_bytes);
}

Result<Shell> LoadFolder(const std::filesystem::path& folder, const Limits& limits) {
  Result<Bytes> member = ReadFolder(folder, limits);
  if (!member.ok()) return Within(folder.string(), member.error());
  KIT_ASSIGN(const Bytes zip, PackZip(member.value()));
  return Shell{member.TakeValue(), zip.size(), Sha256Hex(zip)};
}

Result<Bytes> Unpack(std::span<const uint8_t> zip, const Limits& limits) {
  KIT_ASSIGN(const std::vector<ZipEntry> entries, ReadZipDirectory(zip, limits));
  if (entries.size() != 1) {
    return Error{Code::kUnsupported,
                 "zip archive of " + std::to_string(entries.size()) + " members, expected exactly one"};
  }
  const ZipEntry& entry = entries.front();
  const std::string quoted = "member " + Quoted(entry.name);
  if (entry.name.find('/') != entry.name.npos) {
    return Error{Code::kUnsupported, quoted + " is a folder or a path, expected a plain file name"};
  }
  if (entry.method != kStored) {
    return Error{Code::kUnsupported,
                 quoted + " is compressed by method " + std::to_string(entry.method) + ", expected a stored one"};
  }
  if (entry.size_bytes > limits.max_member_bytes) {
    return Error{Code::kLimit, quoted + " has " + std::to_string(entry.size_bytes) + " bytes, limit " +
                                   std::to_string(limits.max_member_bytes)};
  }
  const std::span<const uint8_t> member = zip.subspan(entry.data_byte, entry.size_bytes);
  if (const uint32_t crc = Crc32(member, 0); crc != entry.crc) return WrongSum(quoted, crc, entry);
  return Bytes(member.begin(), member.end());
}

Result<Shell> LoadZip(const std::filesystem::path& path, const Limits& limits) {
  KIT_ASSIGN(const Bytes zip, ReadZipFile(path, limits));
  Result<Bytes> member = Unpack(zip, limits);
  if (!member.ok()) return Within(path.string(), member.error());
  return Shell{member.TakeValue(), zip.size(), Sha256Hex(zip)};
}

using Sink = std::function<Status(std::span<const uint8_t>)>;

// Takes an entry's unpacked bytes part by part, hands them on, and compares size and CRC-32 with the entry's.
class Unfolding {
 public:
  Unfolding(const ZipEntry& entry, const Sink& sink) : entry_(entry), sink_(sink) {}
  Error Corrupt(const std::string& what) const { return Error{Code::kCorrupt, Name() + ": " + what}; }

  Status Take(std::span<const uint8_t> part) {
    done_ += part.size();
    if (done_ > entry_.size_bytes) {
      return Corrupt("unfolds to more than the " + std::to_string(entry_.size_bytes) + " bytes it declares");
    }
    crc_ = Crc32(part, crc_);
    return sink_(part);
  }

  Status Finish() const {
    if (done_ != entry_.size_bytes) {
      return Corrupt("got " + std::to_string(done_) + " bytes, expected " + std::to_string(entry_.size_bytes));
    }
    return crc_ == entry_.crc ? Ok() : Status(WrongSum(Name(), crc_, entry_));
  }

 private:
  std::string Name() const { return "member " + Quoted(entry_.name); }
  const ZipEntry& entry_;
  const Sink& sink_;
  uint64_t done_ = 0;
  uint32_t crc_ = 0;
};

struct InflateCloser {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

Status Inflate(std::span<const uint8_t> packed, Unfolding& unfolding) {
  z_stream stream{};
  constexpr int kRawDeflate = -15;  // no zlib header; windows of up to 2^15 bytes
  if (inflateInit2(&stream, kRawDeflate) != Z_OK) return Error{Code::kInternal, "zlib: cannot start"};
  const std::unique_ptr<z_stream, InflateCloser> closer(&stream);
  Bytes buffer(1 << 16);
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    const size_t part = std::min<size_t>(packed.size(), 1 << 20);
    stream.next_in = const_cast<Bytef*>(packed.data());  // zlib does not write there
    stream.avail_in = static_cast<uInt>(part);
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<uInt>(buffer.size());
    state = inflate(&stream, Z_NO_FLUSH);
    if (state == Z_BUF_ERROR) return unfolding.Corrupt("its Deflate stream ends early");
    if (state != Z_OK && state != Z_STREAM_END) return unfolding.Corrupt("is not a Deflate stream");
    packed = packed.subspan(part - stream.avail_in);
    KIT_TRY(unfolding.Take(std::span(buffer).first(buffer.size() - stream.avail_out)));
  }
  if (!packed.empty()) return unfolding.Corrupt("bytes follow its Deflate stream");
  return Ok();
}

bool KnowsMethod(uint16_t method) { return method == kStored || method == Z_DEFLATED; }

// Decompresses an entry into `sink`, part by part, and checks its size and CRC-32.
Status Unfold(std::span<const uint8_t> bytes, const ZipEntry& entry, const Sink& sink) {
  const std::span<const uint8_t> packed = bytes.subspan(entry.data_byte, entry.packed_bytes);
  if (!KnowsMethod(entry.method)) {
    return Error{Code::kUnsupported, "member " + Quoted(entry.name) + ": compression method " +
                                         std::to_string(entry.method) + ", expected stored (0) or Deflate (8)"};
  }
  Unfolding unfolding(entry, sink);
  KIT_TRY(entry.method == kStored ? unfolding.Take(packed) : Inflate(packed, unfolding));
  return unfolding.Finish();
}

Status ExtractEntry(const Bytes& bytes, const ZipEntry& entry, const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / entry.name;
  std::error_code error;
  std::filesystem::create_directories(entry.is_folder() ? path : path.parent_path(), error);
  if (error) return Error{Code::kIo, path.string() + ": cannot make its folder: " + error.message()};
  if (entry.is_folder()) return Ok();
  KIT_ASSIGN(OutputFile output, OutputFile::Create(path, Overwrite::kAllow));
  KIT_TRY(Unfold(bytes, entry, [&output](std::span<const uint8_t> part) { return output.Write(part); }));
  KIT_TRY(output.Commit());
  using std::filesystem::perms;
  if (entry.is_program) {
    std::filesystem::permissions(path, perms::owner_exec | perms::group_exec | perms::others_exec,
                                 std::filesystem::perm_options::add, error);
  }
  return Ok();
}

// Decompresses every member to hash it. A member whose method this build does not know keeps an empty hash.
Result<ZipListing> List(const Bytes& bytes, const Limits& limits) {
  KIT_ASSIGN(const std::vector<ZipEntry> entries, ReadZipDirectory(bytes, limits));
  ZipListing listing{bytes.size(), Sha256Hex(bytes), {}};
  for (const ZipEntry& entry : entries) {
    ZipMember member{entry.name, entry.method, entry.packed_bytes, entry.size_bytes, entry.crc, ""};
    if (KnowsMethod(entry.method)) {
      Sha256 hash;
      KIT_TRY(Unfold(bytes, entry, [&hash](std::span<const uint8_t> part) {
        hash.Update(part);
        return Ok();
      }));
      member.sha256 = hash.FinishHex();
    }
    listing.members.push_back(std::move(member));
  }
  return listing;
}

Status Extract(const std::filesystem::path& path, const std::filesystem::path& folder, const Limits& limits) {
  KIT_ASSIGN(const Bytes bytes, ReadZipFile(path, limits));
  KIT_ASSIGN(const std::vector<ZipEntry> entries, ReadZipDirectory(bytes, limits));
  for (const ZipEntry& entry : entries) KIT_TRY(ExtractEntry(bytes, entry, folder));
  return Ok();
}

}  // namespace

Result<Bytes> PackZip(std::span<const uint8_t> member) {
  if (member.size() >= UINT32_MAX) {
    return Error{Code::kLimit, "archive: member of " + std::to_string(member.size()) + " bytes, a zip holds 4 GiB"};
  }
  return WriteZip(member);
}

Result<Bytes> UnpackZip(std::span<const uint8_t> zip, const Limits& limits) {
  Result<Bytes> member = Unpack(zip, limits);
  if (!member.ok()) return Within("archive", member.error());
  return member;
}

Result<Shell> LoadShell(const std::filesystem::path& zip_or_folder, const Limits& limits) {
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(zip_or_folder, error);
  Result<Shell> shell = is_folder ? LoadFolder(zip_or_folder, limits) : LoadZip(zip_or_folder, limits);
  if (!shell.ok()) return Within("archive", shell.error());
  return shell;
}

Result<LoadedArchive> LoadArchive(const std::filesystem::path& zip_or_folder, const Limits& limits,
                                  const RecogniseForeign& recognise) {
  KIT_ASSIGN(Shell shell, LoadShell(zip_or_folder, limits));
  Result<Member> member = ReadMember(shell.member, limits);
  if (!member.ok()) {
    const CodecId codec = recognise ? recognise(shell.member) : CodecId{0};
    if (codec == 0) return Within(zip_or_folder.string(), member.error());
    Member foreign{.codec = codec, .sections = {}, .foreign = true};
    foreign.sections.push_back(std::move(shell.member));
    return LoadedArchive{std::move(foreign), shell.size_bytes, shell.sha256};
  }
  return LoadedArchive{member.TakeValue(), shell.size_bytes, shell.sha256};
}

Result<ZipListing> ListZip(const std::filesystem::path& path, const Limits& limits) {
  const Result<Bytes> bytes = ReadZipFile(path, limits);
  if (!bytes.ok()) return Within("archive", bytes.error());
  Result<ZipListing> listing = List(bytes.value(), limits);
  if (!listing.ok()) return Within("archive: " + path.string(), listing.error());
  return listing;
}

Status ExtractZip(const std::filesystem::path& zip, const std::filesystem::path& folder, const Limits& limits) {
  Status status = Extract(zip, folder, limits);
  if (!status.ok()) return Within("archive: " + zip.string(), status.error());
  return status;
}

}  // namespace kitsink
