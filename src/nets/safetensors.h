#pragma once
// safetensors files: 8 bytes little-endian header size N, N bytes JSON, then the tensors' data without gaps.

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/result.h"

namespace kitsink {

// A file in memory. Every tensor's range was checked: inside the data, no gap, no overlap, as long as its shape says.
class TensorFile {
 public:
  struct Entry {
    std::string dtype;           // "F32", "I64", ...
    std::vector<int64_t> shape;  // outermost first; empty for a scalar
    size_t begin = 0, end = 0;   // bytes in the data section
  };

  // kIo when unreadable, kUnsupported for a Git LFS pointer or an unknown dtype, kCorrupt otherwise.
  static Result<TensorFile> Load(const std::filesystem::path& path);
  static Result<TensorFile> Read(Bytes bytes);

  const std::map<std::string, Entry>& entries() const { return entries_; }
  // Null when the file has no such tensor.
  const Entry* Find(const std::string& name) const;
  // REQUIRES: entry is one of entries().
  std::span<const uint8_t> Data(const Entry& entry) const;
  // REQUIRES: entry is one of entries() and its dtype is F32.
  std::vector<float> Floats(const Entry& entry) const;
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  size_t data_begin_ = 0;
  std::map<std::string, Entry> entries_;
};

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;  // as many as the shape says
};

// An F32 file, tensors in the order of their names: the same tensors always give the same bytes.
Bytes WriteTensors(std::vector<NamedTensor> tensors);

}  // namespace kitsink
