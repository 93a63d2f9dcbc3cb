// Writes an original's observations to a cache file and reads them back.

#include "score/observation_cache.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "kitsink/bytes.h"

// The file: magic; key (u32 length, text); frame width and height (u32 each); for each pair a u32 length and a record:
// six f32, then the class map as runs (id, length as base-128 digits, lowest first); u32 0; u32 number of pairs;
// SHA-256 of everything before it, as 64 hexadecimal digits.
namespace kitsink {
namespace {

constexpr std::string_view kMagic = "KITOBS1\n";
constexpr size_t kChecksumBytes = 64;
constexpr size_t kMaxKeyBytes = 4096;
constexpr size_t kMapPixels = size_t{kModelGrid.width} * kModelGrid.height;
constexpr size_t kMaxRecordBytes = 24 + 2 * kMapPixels;  // a run of one pixel takes two bytes

std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Error Damaged(const std::filesystem::path& path, const std::string& what) {
  return Error{Code::kCorrupt, path.string() + ": " + what};
}

Bytes EncodeRecord(const Observation& observation) {
  ByteWriter writer;
  for (const float value : observation.pose) writer.F32(value);
  const std::vector<uint8_t>& map = observation.class_map;
  for (size_t begin = 0, end = 0; begin < map.size(); begin = end) {
    while (end < map.size() && map[end] == map[begin]) ++end;
    writer.U8(map[begin]);
    writer.Leb128(static_cast<uint32_t>(end - begin));
  }
  return writer.Take();
}

std::optional<Observation> DecodeRecord(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  Observation observation;
  for (float& value : observation.pose) value = reader.F32();
  observation.class_map.reserve(kMapPixels);
  while (reader.remaining() > 0) {
    const uint8_t id = reader.U8();
    const uint32_t length = reader.Leb128();
    if (length == 0 || length > kMapPixels - observation.class_map.size()) return std::nullopt;
    observation.class_map.insert(observation.class_map.end(), length, id);
  }
  if (reader.overran() || reader.malformed() || observation.class_map.size() != kMapPixels) return std::nullopt;
  return observation;
}

// Reads the next `count` bytes; fewer at the file's end.
Bytes ReadBytes(std::ifstream& file, size_t count) {
  Bytes bytes(count);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

uint32_t ReadU32(std::ifstream& file) {
  const Bytes bytes = ReadBytes(file, 4);
  return ByteReader(bytes).U32();
}

Status CheckSum(std::ifstream& file, const std::filesystem::path& path, uint64_t size_bytes) {
  Sha256 hash;
  for (uint64_t left = size_bytes - kChecksumBytes; left > 0;) {
    const Bytes bytes = ReadBytes(file, static_cast<size_t>(std::min<uint64_t>(left, 1 << 20)));
    if (bytes.empty()) return Damaged(path, "ends early");
    hash.Update(bytes);
    left -= bytes.size();
  }
  const Bytes stored = ReadBytes(file, kChecksumBytes);
  if (std::string(stored.begin(), stored.end()) != hash.FinishHex()) return Damaged(path, "its checksum is wrong");
  return Ok();
}

}  // namespace

std::filesystem::path CacheFolder() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  // The XDG Base Directory Specification says to ignore a path that is not absolute.
  if (cache != nullptr && cache[0] == '/') return std::filesystem::path(cache) / "kitsink";
  const char* const home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return std::filesystem::path(home) / ".cache" / "kitsink";
  return {};
}

std::filesystem::path ObservationCachePath(const std::filesystem::path& folder, const std::string& key) {
  return folder / (Sha256Hex(AsBytes(key)).substr(0, 32) + ".obs");
}

Result<ObservationCacheWriter> ObservationCacheWriter::Create(const std::filesystem::path& path, const std::string& key,
                                                              FrameSize frame_size) {
  KIT_CHECK(key.size() <= kMaxKeyBytes);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return Error{Code::kIo, path.parent_path().string() + ": cannot make the folder: " + error.message()};
  KIT_ASSIGN(OutputFile file, OutputFile::Create(path, Overwrite::kAllow));
  ObservationCacheWriter writer(std::move(file));
  ByteWriter head;
  head.Append(AsBytes(kMagic));
  head.U32(static_cast<uint32_t>(key.size()));
  head.Append(AsBytes(key));
  head.U32(frame_size.width);
  head.U32(frame_size.height);
  KIT_TRY(writer.Write(head.Take()));
  return writer;
}

Status ObservationCacheWriter::Write(std::span<const uint8_t> bytes) {
  hash_.Update(bytes);
  return file_.Write(bytes);
}

Status ObservationCacheWriter::Add(const Observation& observation) {
  KIT_CHECK(observation.class_map.size() == kMapPixels);
  const Bytes record = EncodeRecord(observation);
  ByteWriter length;
  length.U32(static_cast<uint32_t>(record.size()));
  KIT_TRY(Write(length.Take()));
  KIT_TRY(Write(record));
  ++count_;
  return Ok();
}

Status ObservationCacheWriter::Commit() {
  ByteWriter end;
  end.U32(0);
  end.U32(count_);
  KIT_TRY(Write(end.Take()));
  KIT_TRY(file_.Write(hash_.FinishHex()));
  return file_.Commit();
}

Result<std::optional<ObservationCacheReader>> ObservationCacheReader::Open(const std::filesystem::path& path,
                                                                           const std::string& key) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::optional<ObservationCacheReader>();
  KIT_ASSIGN(const uint64_t size_bytes, FileSize(path));
  ObservationCacheReader reader;
  std::ifstream& file = reader.file_;
  file.open(path, std::ios::binary);
  if (!file) return Error{Code::kIo, path.string() + ": cannot open"};
  if (size_bytes < kMagic.size() + 20 + kChecksumBytes) return Damaged(path, "is too short");
  KIT_TRY(CheckSum(file, path, size_bytes));
  file.seekg(static_cast<std::streamoff>(size_bytes - kChecksumBytes - 4));
  reader.num_pairs_ = ReadU32(file);
  file.seekg(0);
  const Bytes magic = ReadBytes(file, kMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin(), kMagic.end())) {
    return Damaged(path, "is no file of observations");
  }
  const Bytes stored_key = ReadBytes(file, std::min<size_t>(ReadU32(file), kMaxKeyBytes));
  if (std::string(stored_key.begin(), stored_key.end()) != key) return Damaged(path, "was written for another clip");
  reader.frame_size_.width = ReadU32(file);
  reader.frame_size_.height = ReadU32(file);
  if (!file || reader.frame_size_.size_bytes() == 0) return Damaged(path, "its head ends early");
  return std::optional<ObservationCacheReader>(std::move(reader));
}

Result<std::optional<Observation>> ObservationCacheReader::Next() {
  if (next_ == num_pairs_) return std::optional<Observation>();
  const uint32_t size_bytes = ReadU32(file_);
  std::optional<Observation> observation;
  if (size_bytes <= kMaxRecordBytes) observation = DecodeRecord(ReadBytes(file_, size_bytes));
  if (!observation.has_value()) {
    return Error{Code::kCorrupt, "cached observations: pair " + std::to_string(next_) + " makes no sense"};
  }
  ++next_;
  return observation;
}

}  // namespace kitsink
