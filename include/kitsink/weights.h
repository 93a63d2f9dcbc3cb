#pragma once
// Named quantised tensors <-> bytes. This room knows no network: a codec says which tensors it has, and in which order.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/binary_coder.h"
#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

enum class TensorKind : uint8_t {
  kFp4,          // E2M1 in blocks of 32 consecutive values with one fp16 scale
  kHalf,         // fp16
  kDense,        // fp16 on a grid: a power-of-two step times -511 .. 511
  kInt4Rows,     // -7 .. 7 with one fp16 scale for each index of the first dimension
  kInt4Columns,  // -7 .. 7 with one fp16 scale for each index of the last dimension
};

struct TensorSpec {
  std::string name;             // state-dict key, "shared_trunk.stem_conv.dw.weight"
  std::vector<uint32_t> shape;  // outermost first
  TensorKind kind = TensorKind::kHalf;
  uint8_t statistics = 0;  // below kMaxStatistics; tensors with the same number share adaptive statistics
  uint8_t panel = 0;       // mixed streams: tensors whose vectors describe the same channels have the same number
  size_t num_values() const;
  bool operator==(const TensorSpec&) const = default;
};
inline constexpr size_t kMaxStatistics = 32;

// The integers that are stored. A kFp4 tensor holds nibbles (sign << 3 | level, never 8) in `codes` and fp16 bit
// patterns in `scales`, one per block of 32. kInt4Rows and kInt4Columns hold two's complement bytes in `codes` and any
// finite fp16 patterns in `scales`. The other kinds hold fp16 bit patterns in `halves`.
struct QuantizedTensor {
  std::vector<uint8_t> codes;
  std::vector<uint16_t> scales;
  std::vector<uint16_t> halves;
  bool operator==(const QuantizedTensor&) const = default;
};

inline constexpr int kMaxInt4 = 7;
inline constexpr size_t kFp4Block = 32;
inline constexpr size_t NumBlocks(size_t num_values) { return (num_values + kFp4Block - 1) / kFp4Block; }
// Number of scales, 0 for kinds without.
size_t NumScales(const TensorSpec& spec);

// fp16 bit pattern of the scale of a block with this largest magnitude: a sixth of it, rounded to five fraction bits;
// 1 for a block of zeros. QuantizeTensor uses this scale, so quantisation-aware training must use it too.
uint16_t Fp4Scale(float largest);

// kInvalidArgument unless values.size() == spec.num_values() and all values are finite in fp16. kFp4: the nearest of
// scale * {0, .5, 1, 1.5, 2, 3, 4, 6}, ties to the lower. kHalf: the nearest fp16. kDense: the nearest multiple of a
// step, as fp16; the step is the power of two that puts the tensor's largest magnitude at 256 to 511 steps.
Result<QuantizedTensor> QuantizeTensor(const TensorSpec& spec, std::span<const float> values);
std::vector<float> DequantizeTensor(const TensorSpec& spec, const QuantizedTensor& tensor);

// kInvalidArgument unless a tensor fits its spec: its counts, valid FP4 codes, positive finite scales, finite halves.
Status CheckTensor(const TensorSpec& spec, const QuantizedTensor& tensor);

// kLimit when the specs ask for more values than Limits::max_weights.
Status CheckNumWeights(std::span<const TensorSpec> specs, const Limits& limits);
uint64_t CountWeights(std::span<const TensorSpec> specs);

// Range-coded integers of all tensors, then a CRC-16 of them. kInvalidArgument as CheckTensor.
Result<Bytes> EncodeTensors(std::span<const TensorSpec> specs, std::span<const QuantizedTensor> tensors);

// Decodes the tensors in `section` from byte `begin` to its end. kCorrupt when these bytes are not such a stream.
// REQUIRES: CheckNumWeights(specs).
Result<std::vector<QuantizedTensor>> DecodeTensors(std::span<const TensorSpec> specs, std::span<const uint8_t> section,
                                                   size_t begin);

// DecodeTensors, and the bits of each part: scales and values by statistics number, called as in `names`, and the end
// of the stream. With the 8 * begin bits before them the parts add up to the section.
struct MeasuredTensors {
  std::vector<QuantizedTensor> tensors;
  std::vector<StreamPart> parts;
};
Result<MeasuredTensors> MeasureTensors(std::span<const TensorSpec> specs, std::span<const uint8_t> section,
                                       size_t begin, std::span<const std::string_view> names);

// The second stream, for tensors of kInt4Rows, kInt4Columns and kHalf: decisions of the binary coder, so that a codec
// can code more in the same stream (FORMAT.md). Vectors (scales and halves) of one panel are columns of one table: each
// is a multiple of the panel's shortest long, and is cut into pieces of that length. Codes follow by context mixing.
// REQUIRES: CheckTensor() of each tensor.
void EncodeMixedTensors(BinaryEncoder& coder, std::span<const TensorSpec> specs,
                        std::span<const QuantizedTensor> tensors);
// kCorrupt for values that are not finite; the caller verifies a checksum. Adds the costs of scales, of halves and of
// each statistics number's codes, in this order, to `parts` unless it is null.
Result<std::vector<QuantizedTensor>> DecodeMixedTensors(BinaryDecoder& coder, std::span<const TensorSpec> specs,
                                                        std::vector<StreamPart>* parts);
// Real values -> integers of that stream. int4 tensors: each line's scale is a seventh of its largest magnitude; codes
// are the nearest multiples. Scales and halves keep five of their ten fraction bits. kInvalidArgument unless
// values.size() == spec.num_values() and all values are finite in fp16.
Result<QuantizedTensor> QuantizeMixedTensor(const TensorSpec& spec, std::span<const float> values);
// CRC-16 of each tensor's codes, scales and halves in turn; scales and halves as 16 little-endian bits.
uint16_t TensorsChecksum(std::span<const QuantizedTensor> tensors);

// Int8 tensors, for a codec's stream of decisions. A tensor is a matrix of kernels, row-major: (row, column, y, x).
struct Int8Layout {
  uint32_t rows = 1, columns = 1;
  uint32_t kernel_height = 1, kernel_width = 1;
  uint32_t siblings = 1;  // PixelShuffle makes one channel of so many consecutive rows
  uint32_t grid_height = 0,
           grid_width = 0;  // rows are the pixels of pictures of this size, line by line; 0: they are not
  size_t num_codes() const { return size_t{rows} * columns * kernel_height * kernel_width; }
};

// Codes the tensors in order; a later one profits from an earlier one. REQUIRES: all sizes 1 or more, a kernel of 1 x 1
// where there is a grid, at most 2^24 codes together, codes[i].size() == layouts[i].num_codes().
void EncodeInt8Tensors(BinaryEncoder& coder, std::span<const Int8Layout> layouts,
                       std::span<const std::vector<int8_t>> codes);
// Always returns tensors of these layouts. Bytes of another origin give other codes: the caller verifies a checksum.
// Adds each tensor's cost to `bits` unless it is empty.
std::vector<std::vector<int8_t>> DecodeInt8Tensors(BinaryDecoder& coder, std::span<const Int8Layout> layouts,
                                                   std::span<double> bits);

}  // namespace kitsink
