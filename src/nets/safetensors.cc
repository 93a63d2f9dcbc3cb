#include "nets/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "kitsink/contest.h"
#include "kitsink/file.h"

namespace kitsink {
namespace {

using Json = nlohmann::json;

// The contest's larger net has 56 MB, and its header 61 kB.
constexpr uint64_t kMaxFileBytes = 1ULL << 30;
constexpr uint64_t kMaxHeaderBytes = 1ULL << 23;
constexpr size_t kMaxDimensions = 8;

Error Corrupt(std::string message) { return Error{Code::kCorrupt, std::move(message)}; }

// Bytes of one value, 0 for a dtype that we do not know.
uint64_t DtypeBytes(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

Result<TensorFile::Entry> ReadEntry(const std::string& name, const Json& json, uint64_t data_bytes) {
  const std::string quoted = "tensor " + Quoted(name);
  const auto field = [&json](const char* key) -> const Json* {
    const auto found = json.is_object() ? json.find(key) : json.end();
    return json.is_object() && found != json.end() ? &*found : nullptr;
  };
  const Json* dtype = field("dtype");
  const Json* shape = field("shape");
  const Json* offsets = field("data_offsets");
  if (dtype == nullptr || !dtype->is_string() || shape == nullptr || !shape->is_array() || offsets == nullptr ||
      !offsets->is_array() || offsets->size() != 2) {
    return Corrupt(quoted + " lacks a dtype, a shape or two data_offsets");
  }
  TensorFile::Entry entry;
  entry.dtype = dtype->get<std::string>();
  uint64_t expected = DtypeBytes(entry.dtype);
  if (expected == 0) return Error{Code::kUnsupported, quoted + " has the unknown dtype " + Quoted(entry.dtype)};
  if (shape->size() > kMaxDimensions) {
    return Corrupt(quoted + " has " + std::to_string(shape->size()) + " dimensions, at most " +
                   std::to_string(kMaxDimensions) + " are allowed");
  }
  for (const Json& dimension : *shape) {
    // Each factor below the file limit keeps the product below 2^64.
    if (!dimension.is_number_unsigned() || dimension.get<uint64_t>() > kMaxFileBytes) {
      return Corrupt(quoted + " has an impossible shape");
    }
    entry.shape.push_back(dimension.get<int64_t>());
    expected *= dimension.get<uint64_t>();
    if (expected > kMaxFileBytes) return Corrupt(quoted + " has an impossible shape");
  }
  const Json& begin = (*offsets)[0];
  const Json& end = (*offsets)[1];
  if (!begin.is_number_unsigned() || !end.is_number_unsigned() || begin.get<uint64_t>() > end.get<uint64_t>()) {
    return Corrupt(quoted + " has impossible data_offsets");
  }
  if (end.get<uint64_t>() > data_bytes) {
    return Corrupt(quoted + " ends at byte " + std::to_string(end.get<uint64_t>()) + " of the data, the file holds " +
                   std::to_string(data_bytes) + " (cut short?)");
  }
  entry.begin = begin.get<size_t>();
  entry.end = end.get<size_t>();
  if (entry.end - entry.begin != expected) {
    return Corrupt(quoted + " has " + std::to_string(entry.end - entry.begin) + " bytes, its shape needs " +
                   std::to_string(expected));
  }
  return entry;
}

}  // namespace

Result<TensorFile> TensorFile::Load(const std::filesystem::path& path) {
  KIT_ASSIGN(Bytes bytes, ReadFile(path, kMaxFileBytes));
  Result<TensorFile> file = Read(std::move(bytes));
  if (!file.ok()) return Within(path.string(), file.error());
  return file;
}

Result<TensorFile> TensorFile::Read(Bytes bytes) {
  if (IsLfsPointer(bytes)) {
    return Error{Code::kUnsupported,
                 "is a Git LFS pointer, not the weights themselves; run \"git lfs pull\" in the repository it is from"};
  }
  ByteReader reader(bytes);
  const uint64_t header_bytes = reader.U64();
  if (reader.overran() || header_bytes == 0 || header_bytes > kMaxHeaderBytes) {
    return Corrupt("is not a safetensors file");
  }
  if (header_bytes > reader.remaining()) {
    return Corrupt("is cut short or not a safetensors file, header of " + std::to_string(header_bytes) +
                   " bytes, file of " + std::to_string(bytes.size()));
  }
  const std::span<const uint8_t> header = reader.Take(static_cast<size_t>(header_bytes));
  const Json json = Json::parse(header.begin(), header.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Corrupt("is not a safetensors file, its header is no JSON object");

  TensorFile file;
  file.data_begin_ = reader.position();
  const uint64_t data_bytes = reader.remaining();
  std::vector<std::pair<size_t, size_t>> ranges;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") continue;
    KIT_ASSIGN(Entry entry, ReadEntry(name, value, data_bytes));
    ranges.emplace_back(entry.begin, entry.end);
    file.entries_.emplace(name, std::move(entry));
  }
  // Tensors back to back from the first to the last byte; a key that occurs twice shows up here as a gap.
  std::sort(ranges.begin(), ranges.end());
  size_t position = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != position) {
      return Corrupt(std::string("tensors ") + (begin < position ? "overlap" : "leave a gap") + " at byte " +
                     std::to_string(std::min(begin, position)) + " of the data");
    }
    position = end;
  }
  if (position != data_bytes) {
    return Corrupt("has " + std::to_string(data_bytes) + " bytes of data, its tensors take " +
                   std::to_string(position));
  }
  file.bytes_ = std::move(bytes);
  return file;
}

const TensorFile::Entry* TensorFile::Find(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

std::span<const uint8_t> TensorFile::Data(const Entry& entry) const {
  return std::span(bytes_).subspan(data_begin_ + entry.begin, entry.end - entry.begin);
}

std::vector<float> TensorFile::Floats(const Entry& entry) const {
  KIT_CHECK(entry.dtype == "F32");
  const std::span<const uint8_t> data = Data(entry);
  std::vector<float> values(data.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), data.data(), data.size());
  return values;
}

Bytes WriteTensors(std::vector<NamedTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) { return a.name < b.name; });
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  ByteWriter data;
  for (const NamedTensor& tensor : tensors) {
    const size_t begin = data.size_bytes();
    for (const float value : tensor.values) data.F32(value);
    json[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size_bytes()}}};
  }
  std::string header = json.dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  ByteWriter file;
  file.U64(header.size());
  file.Append(std::span(reinterpret_cast<const uint8_t*>(header.data()), header.size()));
  file.Append(data.Take());
  return file.Take();
}

}  // namespace kitsink
