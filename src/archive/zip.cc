// The outer shell: writes a zip of one stored member, reads such a zip or the folder it was extracted into.

#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

constexpr std::string_view kMemberName = "p";
constexpr uint64_t kMaxZipOverhead = 1 << 16;  // other writers add extra fields and comments

// A name of unknown origin, fit for a message.
std::string Printable(std::string_view name) {
  std::string text(name.substr(0, 80));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return '"' + text + '"';
}

struct ZipCloser {
  void operator()(zip_t* zip) const { zip_discard(zip); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

Result<std::unique_ptr<zip_t, ZipCloser>> OpenZip(const Bytes& bytes) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  zip_t* zip = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  const std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (zip != nullptr) return std::unique_ptr<zip_t, ZipCloser>(zip);
  if (source != nullptr) zip_source_free(source);
  return Error{Code::kCorrupt, "damaged zip archive: " + reason};
}

// Whether entry 0 may be taken for the member: one plain stored file with a harmless name and an honest size.
Status CheckEntry(zip_t* zip, const zip_stat_t& entry, const Limits& limits) {
  const std::string_view name = entry.name;
  const std::string quoted = "member " + Printable(name);
  if (name.empty() || name == "." || name == ".." || name.find_first_of("/\\") != name.npos) {
    return Error{Code::kUnsupported, quoted + " is a folder or a path, expected a plain file name"};
  }
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  zip_file_get_external_attributes(zip, 0, 0, &system, &attributes);
  const zip_uint32_t type = attributes >> 16 & S_IFMT;
  if (system == ZIP_OPSYS_UNIX && type != 0 && type != S_IFREG) {
    return Error{Code::kUnsupported, quoted + " is a link or a special file, expected a regular file"};
  }
  if (entry.encryption_method != ZIP_EM_NONE) return Error{Code::kUnsupported, quoted + " is encrypted"};
  if (entry.comp_method != ZIP_CM_STORE) {
    return Error{Code::kUnsupported,
                 quoted + " is compressed by method " + std::to_string(entry.comp_method) + ", expected a stored one"};
  }
  if (entry.size > limits.max_member_bytes) {
    return Error{Code::kLimit, quoted + " has " + std::to_string(entry.size) + " bytes, limit " +
                                   std::to_string(limits.max_member_bytes)};
  }
  if (entry.comp_size != entry.size) {
    return Error{Code::kCorrupt, quoted + " is stored, but in " + std::to_string(entry.comp_size) +
                                     " bytes, expected " + std::to_string(entry.size)};
  }
  return Ok();
}

Result<Bytes> ReadZip(const Bytes& bytes, const Limits& limits) {
  if (bytes.empty()) return Error{Code::kCorrupt, "is empty, expected a zip archive"};
  constexpr std::string_view kSignature = "PK";
  if (!std::equal(kSignature.begin(), kSignature.end(), bytes.begin(),
                  bytes.begin() + std::min<ptrdiff_t>(2, static_cast<ptrdiff_t>(bytes.size())))) {
    const size_t shown = std::min<size_t>(bytes.size(), 8);
    return Error{Code::kCorrupt, "not a zip archive, starts with " +
                                     Printable({reinterpret_cast<const char*>(bytes.data()), shown}) +
                                     ", expected \"PK\""};
  }
  KIT_ASSIGN(const auto zip, OpenZip(bytes));
  const zip_int64_t num_entries = zip_get_num_entries(zip.get(), 0);
  if (num_entries != 1) {
    return Error{Code::kUnsupported,
                 "zip archive of " + std::to_string(num_entries) + " members, expected exactly one"};
  }
  zip_stat_t entry;
  zip_stat_init(&entry);
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(zip.get(), 0, ZIP_FL_ENC_RAW, &entry) != 0 || (entry.valid & kNeeded) != kNeeded) {
    return Error{Code::kCorrupt, std::string("damaged zip archive: ") + zip_strerror(zip.get())};
  }
  KIT_TRY(CheckEntry(zip.get(), entry, limits));
  const std::unique_ptr<zip_file_t, ZipCloser> file(zip_fopen_index(zip.get(), 0, 0));
  if (file == nullptr) return Error{Code::kCorrupt, std::string("damaged zip archive: ") + zip_strerror(zip.get())};
  // The declared size is at most the limit, and a stored member of that size is in `bytes`. One byte more is asked
  // for, because libzip compares the CRC when it meets the end.
  Bytes member(entry.size + 1);
  size_t done = 0;
  zip_int64_t count = 0;
  while (done < member.size() && (count = zip_fread(file.get(), member.data() + done, member.size() - done)) > 0) {
    done += static_cast<size_t>(count);
  }
  if (count < 0) {
    return Error{Code::kCorrupt, "member " + Printable(entry.name) + ": " + zip_file_strerror(file.get())};
  }
  if (done != entry.size) {
    return Error{Code::kCorrupt, "member " + Printable(entry.name) + ": got " + std::to_string(done) +
                                     " bytes, expected " + std::to_string(entry.size)};
  }
  member.pop_back();
  return member;
}

Result<Bytes> ReadFolder(const std::filesystem::path& folder, const Limits& limits) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) return Error{Code::kIo, "cannot list the folder: " + error.message()};
  std::filesystem::path found;
  size_t num_entries = 0;
  for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (error) return Error{Code::kIo, "cannot list the folder: " + error.message()};
    if (num_entries++ == 0) found = entries->path();
    if (num_entries == 1000) break;
  }
  if (num_entries != 1) {
    return Error{Code::kUnsupported, "folder of " + std::to_string(num_entries) +
                                         (num_entries == 1000 ? " or more" : "") +
                                         " entries, expected exactly one, the archive's member"};
  }
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(found, error))) {
    return Error{Code::kUnsupported, "its entry " + Printable(found.filename().string()) + " is not a regular file"};
  }
  return ReadFile(found, limits.max_member_bytes);
}

struct ZipFile {
  zip_uint64_t index = 0;
  std::filesystem::path path;  // below the folder
  bool is_folder = false;
  bool is_program = false;
};

// Entry `index` of a zip of unknown origin, if it may be written to disk; adds its size to `total_bytes`.
Result<ZipFile> DescribeEntry(zip_t* zip, zip_uint64_t index, uint64_t& total_bytes) {
  zip_stat_t entry;
  zip_stat_init(&entry);
  constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(zip, index, 0, &entry) != 0 || (entry.valid & kNeeded) != kNeeded) {
    return Error{Code::kCorrupt, std::string("damaged zip archive: ") + zip_strerror(zip)};
  }
  const std::string name = entry.name;
  ZipFile file{index, std::filesystem::path(name).lexically_normal(), name.ends_with('/')};
  const std::string quoted = "member " + Printable(name);
  if (name.empty() || name.front() == '/' || name.find('\\') != name.npos || *file.path.begin() == "..") {
    return Error{Code::kUnsupported, quoted + " leads out of the folder"};
  }
  if (entry.encryption_method != ZIP_EM_NONE) return Error{Code::kUnsupported, quoted + " is encrypted"};
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  zip_file_get_external_attributes(zip, index, 0, &system, &attributes);
  const zip_uint32_t mode = system == ZIP_OPSYS_UNIX ? attributes >> 16 : 0;
  const zip_uint32_t type = mode & S_IFMT;
  if (type != 0 && type != S_IFREG && type != S_IFDIR) {
    return Error{Code::kUnsupported, quoted + " is a link or a special file"};
  }
  file.is_program = !file.is_folder && (mode & S_IXUSR) != 0;
  total_bytes += std::min<uint64_t>(entry.size, UINT64_MAX - total_bytes);
  return file;
}

Status ExtractFile(zip_t* zip, const ZipFile& file, const std::filesystem::path& folder, uint64_t& bytes_left) {
  const std::filesystem::path path = folder / file.path;
  std::error_code error;
  std::filesystem::create_directories(file.is_folder ? path : path.parent_path(), error);
  if (error) return Error{Code::kIo, path.string() + ": cannot make its folder: " + error.message()};
  if (file.is_folder) return Ok();
  const std::unique_ptr<zip_file_t, ZipCloser> input(zip_fopen_index(zip, file.index, 0));
  if (input == nullptr) return Error{Code::kCorrupt, std::string("damaged zip archive: ") + zip_strerror(zip)};
  KIT_ASSIGN(OutputFile output, OutputFile::Create(path, Overwrite::kAllow));
  Bytes buffer(1 << 20);
  zip_int64_t count = 0;
  while ((count = zip_fread(input.get(), buffer.data(), buffer.size())) > 0) {
    // A member may unfold to more than it declares.
    if (static_cast<uint64_t>(count) > bytes_left) return Error{Code::kLimit, "unfolds to more than it declares"};
    bytes_left -= static_cast<uint64_t>(count);
    KIT_TRY(output.Write(std::span<const uint8_t>(buffer.data(), static_cast<size_t>(count))));
  }
  if (count < 0) {
    return Error{Code::kCorrupt, "member " + Printable(file.path.string()) + ": " + zip_file_strerror(input.get())};
  }
  KIT_TRY(output.Commit());
  using std::filesystem::perms;
  if (file.is_program) {
    std::filesystem::permissions(path, perms::owner_exec | perms::group_exec | perms::others_exec,
                                 std::filesystem::perm_options::add, error);
  }
  return Ok();
}

Status Extract(const std::filesystem::path& path, const std::filesystem::path& folder, const Limits& limits) {
  KIT_TRY(FileSize(path));
  int code = 0;
  const std::unique_ptr<zip_t, ZipCloser> zip(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  if (zip == nullptr) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    return Error{Code::kCorrupt, "damaged zip archive: " + reason};
  }
  std::vector<ZipFile> files;
  uint64_t total_bytes = 0;
  for (zip_int64_t i = 0; i < zip_get_num_entries(zip.get(), 0); ++i) {
    KIT_ASSIGN(ZipFile file, DescribeEntry(zip.get(), static_cast<zip_uint64_t>(i), total_bytes));
    files.push_back(std::move(file));
  }
  if (total_bytes > limits.max_extracted_bytes) {
    return Error{Code::kLimit, "its files have " + std::to_string(total_bytes) + " bytes, limit " +
                                   std::to_string(limits.max_extracted_bytes)};
  }
  for (const ZipFile& file : files) KIT_TRY(ExtractFile(zip.get(), file, folder, total_bytes));
  return Ok();
}

}  // namespace

Result<Bytes> PackZip(std::span<const uint8_t> member) {
  // Written here and not by libzip: the bytes must not depend on a library's version.
  if (member.size() >= UINT32_MAX) {
    return Error{Code::kLimit, "archive: member of " + std::to_string(member.size()) + " bytes, a zip holds 4 GiB"};
  }
  const auto write_common = [&member](ByteWriter& writer) {
    writer.U16(10);      // version needed
    writer.U16(0);       // flags
    writer.U16(0);       // method: stored
    writer.U16(0);       // time 00:00
    writer.U16(0x0021);  // date 1980-01-01
    writer.U32(Crc32(member, 0));
    writer.U32(static_cast<uint32_t>(member.size()));
    writer.U32(static_cast<uint32_t>(member.size()));
    writer.U16(static_cast<uint16_t>(kMemberName.size()));
    writer.U16(0);  // extra field
  };
  const std::span name(reinterpret_cast<const uint8_t*>(kMemberName.data()), kMemberName.size());
  ByteWriter writer;
  writer.U32(0x04034b50);
  write_common(writer);
  writer.Append(name);
  writer.Append(member);
  const size_t directory_byte = writer.size_bytes();
  writer.U32(0x02014b50);
  writer.U16(10);  // made by: MS-DOS, 1.0
  write_common(writer);
  writer.U16(0);  // comment
  writer.U16(0);  // disk
  writer.U16(0);  // internal attributes
  writer.U32(0);  // external attributes
  writer.U32(0);  // local header's byte
  writer.Append(name);
  const size_t directory_bytes = writer.size_bytes() - directory_byte;
  writer.U32(0x06054b50);
  writer.U16(0);  // this disk
  writer.U16(0);  // the directory's disk
  writer.U16(1);  // entries on this disk
  writer.U16(1);  // entries
  writer.U32(static_cast<uint32_t>(directory_bytes));
  writer.U32(static_cast<uint32_t>(directory_byte));
  writer.U16(0);  // comment
  return writer.Take();
}

Result<Bytes> LoadMember(const std::filesystem::path& zip_or_folder, const Limits& limits) {
  std::error_code error;
  const std::string where = "archive: " + zip_or_folder.string();
  if (std::filesystem::is_directory(zip_or_folder, error)) {
    Result<Bytes> member = ReadFolder(zip_or_folder, limits);
    if (!member.ok()) return Within(where, member.error());
    return member;
  }
  Result<Bytes> file = ReadFile(zip_or_folder, limits.max_member_bytes + kMaxZipOverhead);
  if (!file.ok()) return Within("archive", file.error());
  Result<Bytes> member = ReadZip(file.value(), limits);
  if (!member.ok()) return Within(where, member.error());
  return member;
}

Status ExtractZip(const std::filesystem::path& zip, const std::filesystem::path& folder, const Limits& limits) {
  const Status status = Extract(zip, folder, limits);
  if (!status.ok()) return Within("archive: " + zip.string(), status.error());
  return status;
}

}  // namespace kitsink
