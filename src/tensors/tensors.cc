// Reads and writes safetensors files.

#include "kitsink/tensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "kitsink/contest.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

using Json = nlohmann::json;

// The class maps of the longest clip (Limits::max_map_bytes) and as much as a quarter of it besides. The contest's
// larger net has 56 MB, and its header 61 kB.
constexpr uint64_t kMaxFileBytes = 5ULL << 29;
constexpr uint64_t kMaxHeaderBytes = 1ULL << 23;
constexpr size_t kMaxDimensions = 8;
constexpr const char* kMetadata = "__metadata__";

Error Corrupt(std::string message) { return Error{Code::kCorrupt, std::move(message)}; }

// One tensor's entry in the header.
struct Entry {
  std::string dtype;
  std::vector<int64_t> shape;
  size_t begin = 0, end = 0;  // bytes in the data section
};

Result<Entry> ReadEntry(const std::string& name, const Json& json, uint64_t data_bytes) {
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
  Entry entry;
  entry.dtype = dtype->get<std::string>();
  uint64_t expected = DtypeBytes(entry.dtype);
  if (expected == 0) return Error{Code::kUnsupported, quoted + " has the unknown dtype " + Quoted(entry.dtype)};
  if (shape->size() > kMaxDimensions) {
    return Corrupt(quoted + " has " + std::to_string(shape->size()) + " dimensions, at most " +
                   std::to_string(kMaxDimensions) + " are allowed");
  }
  for (const Json& dimension : *shape) {
    // Both factors within the file limit keep the product below 2^64.
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

Result<std::map<std::string, std::string>> ReadMetadata(const Json& json) {
  std::map<std::string, std::string> metadata;
  if (!json.is_object()) return Corrupt("has a __metadata__ that is no JSON object");
  for (const auto& [key, text] : json.items()) {
    if (!text.is_string()) return Corrupt("has a value in __metadata__ that is no text, " + Quoted(key));
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

// The tensors must fill the data without gap or overlap.
Status CheckNoGaps(const std::map<std::string, Entry>& entries, uint64_t data_bytes) {
  std::vector<std::pair<size_t, size_t>> ranges;
  for (const auto& [name, entry] : entries) ranges.emplace_back(entry.begin, entry.end);
  std::sort(ranges.begin(), ranges.end());
  size_t position = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != position) {
      return Corrupt(std::string("tensors ") + (begin < position ? "overlap" : "leave a gap") + " at byte " +
                     std::to_string(std::min(begin, position)) + " of the data");
    }
    position = end;
  }
  if (position == data_bytes) return Ok();
  return Corrupt("has " + std::to_string(data_bytes) + " bytes of data, its tensors take " + std::to_string(position));
}

template <typename Value>
FileTensor FromValues(std::string_view dtype, std::vector<int64_t> shape, std::span<const Value> values) {
  static_assert(std::endian::native == std::endian::little);
  FileTensor tensor{std::string(dtype), std::move(shape), Bytes(values.size_bytes())};
  uint64_t count = 1;
  for (const int64_t extent : tensor.shape) count *= static_cast<uint64_t>(extent);
  KIT_CHECK(count == values.size());
  if (!values.empty()) std::memcpy(tensor.data.data(), values.data(), values.size_bytes());
  return tensor;
}

template <typename Value>
std::vector<Value> ToValues(const FileTensor& tensor, std::string_view dtype) {
  KIT_CHECK(tensor.dtype == dtype);
  std::vector<Value> values(tensor.data.size() / sizeof(Value));
  if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

}  // namespace

uint64_t DtypeBytes(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const uint8_t> values) {
  return FromValues("U8", std::move(shape), values);
}

FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const int8_t> values) {
  return FromValues("I8", std::move(shape), values);
}

FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const int16_t> values) {
  return FromValues("I16", std::move(shape), values);
}

FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const int32_t> values) {
  return FromValues("I32", std::move(shape), values);
}

FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const float> values) {
  return FromValues("F32", std::move(shape), values);
}

FileTensor MakeHalfTensor(std::vector<int64_t> shape, std::span<const uint16_t> patterns) {
  return FromValues("F16", std::move(shape), patterns);
}

std::vector<int8_t> Int8sOf(const FileTensor& tensor) { return ToValues<int8_t>(tensor, "I8"); }
std::vector<int16_t> Int16sOf(const FileTensor& tensor) { return ToValues<int16_t>(tensor, "I16"); }
std::vector<int32_t> Int32sOf(const FileTensor& tensor) { return ToValues<int32_t>(tensor, "I32"); }
std::vector<float> FloatsOf(const FileTensor& tensor) { return ToValues<float>(tensor, "F32"); }
std::vector<uint16_t> HalfPatternsOf(const FileTensor& tensor) { return ToValues<uint16_t>(tensor, "F16"); }

const FileTensor* TensorFile::Find(const std::string& name) const {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : &found->second;
}

Bytes WriteTensors(const TensorFile& file) {
  std::vector<const std::pair<const std::string, FileTensor>*> order;
  for (const auto& item : file.tensors) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return DtypeBytes(a->second.dtype) > DtypeBytes(b->second.dtype);
  });
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) json[kMetadata] = file.metadata;
  size_t begin = 0;
  for (const auto* item : order) {
    const FileTensor& tensor = item->second;
    json[item->first] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, begin + tensor.data.size()}}};
    begin += tensor.data.size();
  }
  std::string header = json.dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  ByteWriter writer;
  writer.U64(header.size());
  Bytes bytes = writer.Take();
  bytes.reserve(bytes.size() + header.size() + begin);
  bytes.insert(bytes.end(), header.begin(), header.end());
  for (const auto* item : order) bytes.insert(bytes.end(), item->second.data.begin(), item->second.data.end());
  return bytes;
}

Result<TensorFile> ReadTensors(std::span<const uint8_t> bytes) {
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
  // A JSON library keeps one of two equal keys without a word, and another one the other.
  std::set<std::string> names;
  std::string twice;
  const auto watch_names = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  const Json json = Json::parse(header.begin(), header.end(), watch_names, /*allow_exceptions=*/false);
  if (!json.is_object()) return Corrupt("is not a safetensors file, its header is no JSON object");
  if (!twice.empty()) return Corrupt("has " + Quoted(twice) + " twice");

  TensorFile file;
  std::map<std::string, Entry> entries;
  for (const auto& [name, value] : json.items()) {
    if (name == kMetadata) {
      KIT_ASSIGN(file.metadata, ReadMetadata(value));
      continue;
    }
    KIT_ASSIGN(Entry entry, ReadEntry(name, value, reader.remaining()));
    entries.emplace(name, std::move(entry));
  }
  KIT_TRY(CheckNoGaps(entries, reader.remaining()));
  const std::span<const uint8_t> data = reader.Take(reader.remaining());
  for (auto& [name, entry] : entries) {
    const std::span<const uint8_t> part = data.subspan(entry.begin, entry.end - entry.begin);
    file.tensors[name] = FileTensor{std::move(entry.dtype), std::move(entry.shape), Bytes(part.begin(), part.end())};
  }
  return file;
}

Result<LoadedTensors> LoadTensorFile(const std::filesystem::path& path) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, kMaxFileBytes));
  Result<TensorFile> file = ReadTensors(bytes);
  if (!file.ok()) return Within(path.string(), file.error());
  return LoadedTensors{file.TakeValue(), Sha256Hex(bytes), bytes.size()};
}

}  // namespace kitsink
