#pragma once
// Tables of numbers <-> decisions of the binary coder. Each number is predicted by online least squares from its row
// and from earlier rows (src/entropy/FORMAT.md).

#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/binary_coder.h"

namespace kitsink {

enum class TableKind : uint8_t {
  kTrack,    // integers; rows follow each other in time
  kGrid,     // integers; rows are the pixels of a picture, line by line
  kVectors,  // integers; rows follow each other in time, and columns depend on each other from row to row
  kHalves,   // fp16 patterns; rows are records in any order, and columns may depend on each other
};

struct TableShape {
  TableKind kind = TableKind::kTrack;
  uint32_t num_rows = 0;
  uint32_t num_columns = 0;  // at most kMaxTableColumns
  uint32_t grid_width = 0;   // kGrid: pixels of a line
  size_t num_values() const { return size_t{num_rows} * num_columns; }
};
inline constexpr uint32_t kMaxTableColumns = 96;
inline constexpr int32_t kMaxTableInteger = (1 << 20) - 1;

// `values` are row-major: integers of at most kMaxTableInteger in magnitude, or finite fp16 patterns (0 .. 0xffff).
// REQUIRES: values.size() == shape.num_values(), values in range.
void EncodeTable(BinaryEncoder& coder, const TableShape& shape, std::span<const int32_t> values);

// Always returns shape.num_values() values in range; kHalves may yield infinities and NaNs, which the caller must
// refuse. Bytes of another origin give other values: the caller verifies a checksum. Adds each column's cost to
// `column_bits` unless it is empty.
std::vector<int32_t> DecodeTable(BinaryDecoder& coder, const TableShape& shape, std::span<double> column_bits);

}  // namespace kitsink
