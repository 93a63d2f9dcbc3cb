#pragma once
// Named tensors <-> a safetensors file (https://huggingface.co/docs/safetensors): 8 bytes little-endian header size N,
// N bytes JSON, then the tensors' data without gaps.

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/file.h"
#include "kitsink/result.h"

namespace kitsink {

struct FileTensor {
  std::string dtype;           // as in the file: "F32", "F16", "I32", "U16", "U8", ...
  std::vector<int64_t> shape;  // outermost first; empty for a scalar
  Bytes data;                  // little-endian, row-major
  bool operator==(const FileTensor&) const = default;
};

// Bytes of one value; 0 for an unknown dtype.
uint64_t DtypeBytes(std::string_view dtype);

// Values <-> tensors: U8, I8, I16, I32, F32. REQUIRES: the shape has as many values.
FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const uint8_t> values);
FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const int8_t> values);
FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const int16_t> values);
FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const int32_t> values);
FileTensor MakeTensor(std::vector<int64_t> shape, std::span<const float> values);
// fp16 bit patterns.
FileTensor MakeHalfTensor(std::vector<int64_t> shape, std::span<const uint16_t> patterns);
// REQUIRES: the dtype is the one that MakeTensor gives.
std::vector<int8_t> Int8sOf(const FileTensor& tensor);
std::vector<int16_t> Int16sOf(const FileTensor& tensor);
std::vector<int32_t> Int32sOf(const FileTensor& tensor);
std::vector<float> FloatsOf(const FileTensor& tensor);
std::vector<uint16_t> HalfPatternsOf(const FileTensor& tensor);

struct TensorFile {
  std::map<std::string, FileTensor> tensors;
  std::map<std::string, std::string> metadata;  // the header's "__metadata__"
  // Null when there is no such tensor.
  const FileTensor* Find(const std::string& name) const;
  bool operator==(const TensorFile&) const = default;
};

// The bytes of a file. Tensors are sorted by value size, largest first, then by name: every tensor is aligned, and
// equal contents give equal bytes.
Bytes WriteTensors(const TensorFile& file);

// Checks every tensor's range: inside the data, no gap, no overlap, and the size that its shape needs. kUnsupported
// for a Git LFS pointer or an unknown dtype, kCorrupt otherwise.
Result<TensorFile> ReadTensors(std::span<const uint8_t> bytes);

// A file with its SHA-256. kIo when unreadable; errors name the file.
struct LoadedTensors {
  TensorFile file;
  std::string sha256;
  uint64_t size_bytes = 0;
};
Result<LoadedTensors> LoadTensorFile(const std::filesystem::path& path);

// Takes tensors from a file by name and collects all errors, so that a user sees them at once.
class TensorTaker {
 public:
  explicit TensorTaker(const TensorFile& file) : file_(file) {}
  bool Has(const std::string& name) const { return file_.tensors.contains(name); }
  // Null, and an error is noted, when the tensor is missing or has another dtype or shape. A dimension of -1 fits any
  // size of at least 1. `most` is the largest allowed number of values.
  const FileTensor* Take(const std::string& name, std::string_view dtype, const std::vector<int64_t>& shape,
                         uint64_t most);
  // Notes an error that the caller found: "maps: id 7, expected 0 to 4".
  void Complain(const std::string& what) { complaints_.push_back(what); }
  // Accepts all tensors whose names start with `prefix`, for when an earlier error hides what they should be.
  void Pass(const std::string& prefix);
  // kInvalidArgument with all errors; each tensor that was neither taken nor passed is one.
  Status Finish();

 private:
  const TensorFile& file_;
  std::set<std::string> taken_;
  std::vector<std::string> complaints_;
};

}  // namespace kitsink
