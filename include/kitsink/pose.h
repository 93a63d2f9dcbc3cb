#pragma once
// Tracks, which hold a few small integers per pair (poses, latents), and their bytes (src/codecs/search/FORMAT.md,
// "Stream p").

#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

enum class TrackKind : uint8_t {
  kHalfAndBytes = 1,  // version 1: column 0 holds bit patterns of IEEE halves, the others minimum + byte * scale
  kUniformStep = 2,   // version 2: every value is integer / steps_per_unit
};

// `num_rows` x `num_columns` integers and the rule that turns them into real numbers. Streams keep the integers
// exactly. Values are row-major: values[row * num_columns + column].
struct Track {
  TrackKind kind = TrackKind::kUniformStep;
  uint32_t num_rows = 0;     // pairs, 1 .. Limits::max_pairs
  uint32_t num_columns = 0;  // 1 .. Limits::max_track_dims
  std::vector<int32_t> values;
  uint32_t steps_per_unit = 256;  // kUniformStep only: 1 .. 65535
  std::vector<float> minimum;     // kHalfAndBytes only: columns 1 .. num_columns - 1
  std::vector<float> scale;       // kHalfAndBytes only: the same columns

  bool operator==(const Track&) const = default;
};

// The track of `kind` nearest to real values (row-major). kUniformStep uses 256 steps per unit, where one more bit
// costs as much score as it saves. kInvalidArgument for values that are out of range or not finite.
Result<Track> QuantizeTrack(std::span<const float> values, uint32_t num_columns, TrackKind kind);

// The real values that the integers stand for, row-major, float32 arithmetic.
std::vector<float> DequantizeTrack(const Track& track);

// The track with the lowest cost in score among several steps of kUniformStep and kHalfAndBytes. The cost of a byte is
// 25 / (bytes of the original video); the cost of mean squared error is the slope of sqrt(10 * pose) at pose = 1e-4.
Result<Track> ChooseTrack(std::span<const float> values, uint32_t num_columns, const Limits& limits);

Result<Bytes> EncodeTrack(const Track& track, const Limits& limits);
Result<Track> DecodeTrack(std::span<const uint8_t> stream, const Limits& limits);

// Bits of each column of a stream p, and of its other fields; they add up to the size of the stream.
Result<std::vector<StreamPart>> MeasureTrack(std::span<const uint8_t> stream, const Limits& limits);

}  // namespace kitsink
